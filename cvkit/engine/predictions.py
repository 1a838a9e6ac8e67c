"""The outputs of an evaluation: `Predictions`, with the scores that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

from ..formatting import counted, in_words, score_percent
from ..tasks import SINGLE_LABEL, TASKS, Task

if TYPE_CHECKING:
    from torch import Tensor

    from ..data.splits import Half
    from ..recipe.settings import ThresholdRule


@dataclass(frozen=True)
class Predictions:
    """A model's predictions for every image of a split, in the order of the split, on the CPU.

    Attributes:
        logits: float32 (N, K).
        labels: int64 (N,).
        loss: The mean loss over the split.
        half: Which images they are: ``test``, ``validation`` or ``train``; ``given`` for other labelled images that a
            user gave; None for images of no split of the run.
        names: The files of the images, or None if they are not files.
        views: The views of each image whose logits were averaged; empty without test-time augmentation.
    """

    logits: Tensor
    labels: Tensor
    loss: float
    half: Half | Literal["train", "given"] | None = "test"
    names: Sequence[str] | None = None
    views: tuple[str, ...] = ()

    task: ClassVar[Task] = SINGLE_LABEL

    @property
    def score_name(self) -> str:
        """What `score` is: ``accuracy``, or the score of another task."""
        return self.task.score

    @staticmethod
    def usual_thresholds(classes: int) -> tuple[float, ...]:
        """Return the thresholds of the labels if a recipe sets none: no thresholds, because images have one class.

        Args:
            classes: The number of classes.
        """
        return ()

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The lowest probability at which each label is predicted; empty, because images have one class."""
        return ()

    def with_thresholds(self, thresholds: tuple[float, ...]) -> Predictions:
        """Return the predictions with other thresholds; these do not need any.

        Args:
            thresholds: A probability for each label, or empty.
        """
        return self

    def thresholds_by(self, rule: ThresholdRule) -> tuple[float, ...]:
        """Return the thresholds that a recipe's rule gives for these predictions; these do not need any.

        Args:
            rule: The setting ``evaluation.thresholds``.
        """
        return ()

    @property
    def score(self) -> float:
        """The main score: the accuracy."""
        return self.accuracy

    @property
    def score_text(self) -> str:
        """The score as text: a percentage, and what it counts."""
        correct, total = int(self.correct.sum()), len(self.labels)
        return f"{score_percent(correct / total)} ({correct:,} of {counted(total, 'image')})"

    def confidence_of_errors(self) -> Tensor:
        """Return a number for each image that is higher for more confident errors, float32 (N,)."""
        return self.probabilities.amax(dim=1)

    def worst_errors(self, n: int) -> Tensor:
        """Return the positions of up to `n` errors, the most confident first, int64.

        Args:
            n: The number of errors.
        """
        errors = (~self.correct).nonzero().flatten()
        return errors[self.confidence_of_errors()[errors].argsort(descending=True, stable=True)[:n]]

    def name(self, index: int) -> str:
        """Return the name of an image for readers: its file, or its position in the split.

        Args:
            index: The position.
        """
        return f"{self.half or ''} image {index:,}".lstrip() if self.names is None else self.names[index]

    def __repr__(self) -> str:
        images, classes = self.logits.shape
        views = f", mean over {', '.join(self.views)}" if self.views else ""
        return (
            f"{type(self).__name__}({counted(images, 'image')}, {counted(classes, self.task.noun)}, "
            f"{in_words(self.score_name)} {self.score:.4f}, loss {self.loss:.4f}{views})"
        )

    @cached_property
    def probabilities(self) -> Tensor:
        """The softmax of the logits, float32 (N, K)."""
        return self.logits.softmax(dim=1)

    @cached_property
    def predicted(self) -> Tensor:
        """The most probable class of each image, int64 (N,)."""
        return self.logits.argmax(dim=1)

    @cached_property
    def correct(self) -> Tensor:
        """Whether each image was classified correctly, bool (N,)."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> float:
        """The fraction of images classified correctly."""
        return int(self.correct.sum()) / len(self.labels)


def predictions_of(task: str) -> type[Predictions]:
    """Return the class of the predictions of a task."""
    made: type[Predictions] = TASKS[task].part("predictions")
    return made
