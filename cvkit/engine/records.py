"""The measurements of an epoch: an `EpochRecord`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..tasks import SINGLE_LABEL

if TYPE_CHECKING:
    from ..data.splits import Half
    from .predictions import Predictions


@dataclass(frozen=True)
class EpochRecord:
    """The measurements of one epoch. Losses are means over samples; accuracies are fractions in [0, 1].

    Attributes:
        epoch: The number of the epoch, from 1.
        step: The number of optimizer steps of the run so far.
        train_loss: Mean over the epoch of what is minimised, on augmented images while the weights change.
        train_accuracy: Measured like `train_loss`; None if images were mixed, because those have no single label, and
            if images have label sets.
        test_loss: The loss on the test images after the epoch, or None if they were not evaluated.
        test_accuracy: The accuracy on the test images after the epoch, or None.
        learning_rate: The learning rate of the last step, with several groups that of the first, the head.
        images_per_second: Training speed, without evaluation.
        seconds: Training time, without evaluation.
        step_losses: The loss of each optimizer step.
        step_lrs: The learning rate of each optimizer step.
        step_momenta: The momentum or first beta of each optimizer step; empty if the optimizer has neither.
        accuracy_tta: Accuracy on the images of `half` of the logits averaged over `tta_views`, or None.
        accuracy_unaveraged: Accuracy on the images of `half` of the trained weights if averaged weights are
            evaluated, or None.
        metrics: The value of each of the recipe's metrics on the images of `half`, by name.
        validation_loss: The loss on the validation images after the epoch, or None if there are none.
        validation_accuracy: The accuracy on the validation images after the epoch, or None.
        group_lrs: The learning rate of each parameter group in the last step, by name; empty if there is only one.
        tta_views: The views of each image that the score with TTA averages over, as in `evaluation.views`.
        decisions: What callbacks decided after the epoch, a line each: that training stops, or another learning rate.
        train_terms: The mean over the epoch of each term of `train_loss`, without its weight, by name: ``main``, the
            loss of the logits, and the terms of `cvkit.TrainingOutputs`; empty if the model declares none.
        score_name: What the score of the run is: ``accuracy``, or ``mean_average_precision`` for label sets.
        scores: Unless the score is the accuracy, which has fields of its own: the score on the ``test`` and the
            ``validation`` images, and with ``tta`` and ``unaveraged`` like the accuracies.
        thresholds: The lowest probability at which each label is predicted, in the order of the classes; empty if
            each image has one class.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    learning_rate: float
    images_per_second: float
    seconds: float
    step_losses: tuple[float, ...] = field(repr=False)
    step_lrs: tuple[float, ...] = field(repr=False)
    step_momenta: tuple[float, ...] = field(default=(), repr=False)
    accuracy_tta: float | None = None
    accuracy_unaveraged: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    group_lrs: Mapping[str, float] = field(default_factory=dict)
    tta_views: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    train_terms: Mapping[str, float] = field(default_factory=dict)
    score_name: str = SINGLE_LABEL.score
    scores: Mapping[str, float] = field(default_factory=dict)
    thresholds: tuple[float, ...] = ()

    @property
    def tta(self) -> str:
        """The name of the score with `tta_views` for readers: ``flip TTA`` or ``TTA (identity, crop_90)``."""
        flips = self.tta_views == ("identity", "horizontal_flip")
        return "flip TTA" if flips else f"TTA ({', '.join(self.tta_views)})"

    @property
    def half(self) -> Half:
        """The images that the run makes choices by: the validation images, if there are any."""
        return "test" if self.validation_loss is None else "validation"

    @property
    def loss(self) -> float:
        """The loss on the images of `half` after the epoch."""
        return _given(self.test_loss if self.validation_loss is None else self.validation_loss)

    @property
    def accuracy(self) -> float:
        """The accuracy on the images of `half` after the epoch; NaN if images have sets of labels, unlike `score`."""
        return _given(self.test_accuracy if self.validation_accuracy is None else self.validation_accuracy)

    @property
    def score(self) -> float:
        """The score on the images of `half` after the epoch: the one that `score_name` names."""
        return _given(self.score_of(self.half))

    def score_of(self, which: Score) -> float | None:
        """Return one of the scores, or None if it was not measured.

        Args:
            which: ``test`` or ``validation``; ``tta`` or ``unaveraged`` on the images of `half`.
        """
        if self.score_name == SINGLE_LABEL.score:
            found: float | None = getattr(self, _ACCURACIES[which])
            return found
        return self.scores.get(which)

    @staticmethod
    def score_fields(predictions: Mapping[Score, Predictions | None]) -> dict[str, Any]:
        """Return the fields of a record for the scores of `predictions`; None stands for what was not measured.

        Args:
            predictions: The predictions by what they measure, as for `score_of`.
        """
        measured = {which: found for which, found in predictions.items() if found is not None}
        one = next(iter(measured.values()))
        scores = {which: found.score for which, found in measured.items()}
        if one.score_name == SINGLE_LABEL.score:
            return {_ACCURACIES[which]: scores.get(which) for which in predictions}
        return {
            "test_accuracy": None,
            "score_name": one.score_name,
            "scores": scores,
            "thresholds": one.thresholds,
        }

    def value(self, metric: str) -> float:
        """Return a value by its name.

        Args:
            metric: The value of `score_name`, such as ``accuracy``, or ``loss``, both on the images of `half`;
                ``train_loss``, or one of the recipe's metrics.

        Raises:
            KeyError: The record has no such value.
        """
        own = {self.score_name: self.score, "loss": self.loss, "train_loss": self.train_loss}
        return {**own, **self.metrics}[metric]

    def scalars(self) -> dict[str, float]:
        """Return the measurements of the epoch by the names under which observers report them.

        Returns:
            Names such as ``loss/train`` and ``accuracy/test``, or another `score_name`. What was not measured is
            missing.
        """
        views = "flip_tta" if self.tta == "flip TTA" else "-".join(["tta", *self.tta_views])
        more = {
            "accuracy/train": self.train_accuracy,
            f"{self.score_name}/{self.half}_{views}": self.score_of("tta"),
            f"{self.score_name}/{self.half}_unaveraged": self.score_of("unaveraged"),
        }
        if self.half == "validation":  # the test images may be evaluated too
            more |= {"loss/test": self.test_loss, f"{self.score_name}/test": self.score_of("test")}
        measured = {
            "loss/train": self.train_loss,
            f"loss/{self.half}": self.loss,
            f"{self.score_name}/{self.half}": self.score,
            "speed/images_per_second": self.images_per_second,
            "speed/seconds": self.seconds,
            "epoch": self.epoch,
        }
        measured |= {name: value for name, value in more.items() if value is not None}
        measured |= {f"metrics/{name}": value for name, value in self.metrics.items()}
        measured |= {f"learning_rate/{name}": rate for name, rate in self.group_lrs.items()}
        return measured | {f"loss_terms/{name}": value for name, value in self.train_terms.items()}

    def step_scalars(self) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield the number of each optimizer step of the epoch, and its measurements by name.

        Yields:
            The number of steps of the run so far, and ``step/loss``, ``step/learning_rate`` and ``step/momentum``;
            the last is missing if the optimizer has neither a momentum nor a beta.
        """
        first = self.step - len(self.step_losses) + 1
        series = {
            "step/loss": self.step_losses,
            "step/learning_rate": self.step_lrs,
            "step/momentum": self.step_momenta,
        }
        for position in range(len(self.step_losses)):
            yield first + position, {name: values[position] for name, values in series.items() if values}

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> EpochRecord:
        """Return the record from the values of `to_json`.

        Args:
            data: The values of `to_json`.
        """
        for name in ("accuracy_tta", "accuracy_unaveraged"):  # until 0.1, they were always of the test images
            if f"test_{name}" in data:
                data = {name: data[f"test_{name}"], **{key: data[key] for key in data if key != f"test_{name}"}}
        if data.get("accuracy_tta") is not None and "tta_views" not in data:  # until 0.1, flips were the only ones
            data = {**data, "tta_views": ("identity", "horizontal_flip")}
        series = {key: tuple(data[key]) for key in ("step_losses", "step_lrs", "step_momenta")}
        lists = {key: tuple(data.get(key, ())) for key in ("tta_views", "decisions", "thresholds")}
        return cls(**{**data, **series, **lists})


Score = Literal["test", "validation", "tta", "unaveraged"]
"""What a score of an epoch measures."""

SCORES: tuple[Score, ...] = ("test", "validation", "tta", "unaveraged")

_ACCURACIES: Mapping[Score, str] = {
    "test": "test_accuracy",
    "validation": "validation_accuracy",
    "tta": "accuracy_tta",
    "unaveraged": "accuracy_unaveraged",
}


def _given(value: float | None) -> float:
    return float("nan") if value is None else value
