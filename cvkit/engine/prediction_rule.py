"""How logits become probabilities and predicted classes, for each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ..tasks import TASKS
from .thresholds import meet_thresholds


class PredictionRule(Protocol):
    """Turns logits into probabilities, and the probabilities of an image into its predicted classes."""

    several: bool
    """Whether an image may have several classes, or none."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the probability of each class, (B, K)."""
        ...

    def predicted(self, chances: Tensor) -> list[int]:
        """Return the predicted classes of an image from its probabilities (K,), the most probable first."""
        ...

    def includes(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return whether a class of each image, int64 (B,), is predicted, maybe among others, bool (B,)."""
        ...


@dataclass(frozen=True)
class OneClass:
    """The most probable class, by the softmax."""

    thresholds: tuple[float, ...] = ()
    several: bool = False

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return the softmax."""
        return logits.softmax(dim=1)

    def predicted(self, chances: Tensor) -> list[int]:
        """Return the most probable class."""
        return [int(chances.argmax())]

    def includes(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return whether the class is the most probable one."""
        return logits.argmax(dim=1) == targets


@dataclass(frozen=True)
class LabelSet:
    """The labels whose sigmoid is at least the threshold of the label; 0.5 if there are no thresholds."""

    thresholds: tuple[float, ...] = ()
    several: bool = True

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


def prediction_rule_of(task: str, thresholds: tuple[float, ...] = ()) -> PredictionRule:
    """Return how a model of a task decides, with the thresholds of its labels."""
    rule: PredictionRule = TASKS[task].part("prediction_rule")(thresholds)
    return rule
