"""How logits become probabilities and predicted classes, for each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..tasks import TASKS
from .abstention import Abstention
from .thresholds import meet_thresholds


class PredictionRule(Protocol):
    """Turns logits into probabilities, and the probabilities of an image into its predicted classes."""

    several: bool
    """Whether an image may have several classes, or none."""

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The lowest probability at which each label is predicted; empty if each image has one class."""
        ...

    @property
    def abstention(self) -> Abstention | None:
        """The calibration and what it declines; None if images have sets of labels."""
        ...

    @property
    def declines(self) -> bool:
        """Whether it can decline images."""
        ...

    @property
    def calibrates(self) -> bool:
        """Whether it changes probabilities, so that they are not those of the logits alone."""
        ...

    def calibrated_logits(self, logits: Tensor) -> Tensor:
        """Return the logits (B, K) that have the probabilities of this rule."""
        ...

    @property
    def makes_sets(self) -> bool:
        """Whether an image has a prediction set."""
        ...

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probability of each class, (B, K)."""
        ...

    def predicted(self, chances: Tensor) -> list[int]:
        """Return the predicted classes of an image from its probabilities (K,), the most probable first."""
        ...

    def includes(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return whether a class of each image, int64 (B,), is predicted, maybe among others, bool (B,)."""
        ...

    def declined(self, chances: Tensor) -> Tensor:
        """Return whether the model declines each image, from its probabilities (B, K), bool (B,)."""
        ...

    def prediction_set(self, chances: Tensor) -> list[int] | None:
        """Return the classes in the prediction set of an image from its probabilities (K,), or None without sets."""
        ...


_AS_TRAINED = Abstention()  # does not change probabilities and declines no image


@dataclass(frozen=True)
class OneClass:
    """The most probable class, by the softmax of the logits after the calibration, if there is one."""

    thresholds: tuple[float, ...] = ()
    abstention: Abstention = _AS_TRAINED
    several: bool = False

    @property
    def declines(self) -> bool:
        """Whether the calibration has a rule that declines images."""
        return self.abstention.declines

    @property
    def calibrates(self) -> bool:
        """Whether there is a calibration."""
        return self.abstention != _AS_TRAINED

    def calibrated_logits(self, logits: Tensor) -> Tensor:
        """Return the logits after the calibration, if there is one."""
        return self.abstention.calibrated_logits(logits)

    @property
    def makes_sets(self) -> bool:
        """Whether the rule of the calibration is ``conformal``."""
        return self.abstention.rule == "conformal"

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the softmax of the calibrated logits."""
        return self.abstention.calibrated(logits)

    def predicted(self, chances: Tensor) -> list[int]:
        """Return the most probable class."""
        return [int(chances.argmax())]

    def includes(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return whether the class is the most probable one."""
        return self.calibrated_logits(logits).argmax(dim=1) == targets

    def declined(self, chances: Tensor) -> Tensor:
        """Return whether the rule of the calibration declines each image."""
        return self.abstention.declined(chances)

    def prediction_set(self, chances: Tensor) -> list[int] | None:
        """Return the classes that the calibration does not exclude, the most probable first, if it makes sets."""
        if not self.makes_sets:
            return None
        inside = self.abstention.prediction_sets(chances).tolist()
        return [index for index in chances.argsort(descending=True, stable=True).tolist() if inside[index]]


@dataclass(frozen=True)
class LabelSet:
    """The labels whose sigmoid is at least the threshold of the label; 0.5 if there are no thresholds."""

    thresholds: tuple[float, ...] = ()
    abstention: None = None
    several: bool = True
    declines: bool = False
    makes_sets: bool = False
    calibrates: bool = False

    def calibrated_logits(self, logits: Tensor) -> Tensor:
        """Return the logits unchanged."""
        return logits

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the sigmoid."""
        return logits.sigmoid()

    def predicted(self, chances: Tensor) -> list[int]:
        """Return the labels above their thresholds."""
        above = meet_thresholds(chances[None], self.thresholds)[0].tolist()
        return [label for label in chances.argsort(descending=True, stable=True).tolist() if above[label]]

    def includes(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return whether the label is above its threshold."""
        return meet_thresholds(self.probabilities(logits), self.thresholds).gather(1, targets[:, None])[:, 0]

    def declined(self, chances: Tensor) -> Tensor:
        """Return that no image is declined, because an image may have no label."""
        return chances.new_zeros(len(chances), dtype=torch.bool)

    def prediction_set(self, chances: Tensor) -> None:
        """Return that there is no prediction set: the labels are one already."""


def prediction_rule_of(
    task: str, thresholds: tuple[float, ...] = (), abstention: Abstention | None = None
) -> PredictionRule:
    """Return how a model of a task decides, with the thresholds of its labels and its calibration."""
    made = TASKS[task].part("prediction_rule")
    rule: PredictionRule = made(thresholds) if abstention is None else made(thresholds, abstention)
    return rule
