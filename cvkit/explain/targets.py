"""The classes that a picture is explained for, and the class that they are contrasted with."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import RunError
from .explainers import Explainers, MapFunction

MOST = 5
"""The largest number of predicted labels of an image that are explained, and of labels that are missed."""


@dataclass(frozen=True)
class ExplainTargets:
    """The classes to explain.

    Attributes:
        targets: The classes to explain in every picture; if empty, the predicted and the true classes, of many the
            first `MOST` of both.
        against: The class that each target is contrasted with, or None. It is not explained itself.
    """

    targets: Sequence[int] = ()
    against: int | None = None

    def of(self, predicted: Sequence[int], labels: Sequence[int] | None) -> list[int]:
        """Return the classes to explain for a picture with these predicted and true classes."""
        missed = [label for label in labels or () if label not in predicted]
        classes = self.targets or [*predicted[:MOST], *missed[:MOST]]
        return [target for target in dict.fromkeys(classes) if target != self.against]

    def left_out(self, predicted: Sequence[int], labels: Sequence[int] | None) -> int:
        """Return the number of predicted and true classes that are not explained because they are too many."""
        if self.targets:
            return 0
        return len({*predicted, *(labels or ())} - {self.against}) - len(self.of(predicted, labels))

    def apply_contrast(self, explainers: Explainers) -> None:
        """Make the explainers contrast with `against`; raise `RunError` that names those that cannot."""
        if self.against is None:
            return
        can = {name: can_contrast(explainer) for name, explainer in explainers.working.items()}
        if unable := [name for name, able in can.items() if not able]:
            able = ", ".join(name for name in can if can[name]) or "none of the selected methods"
            raise RunError(
                f"{', '.join(unable)} cannot explain a class against another class; {able} can. Choose other methods"
            )
        explainers.working.update(
            {name: Contrast(explainer, self.against) for name, explainer in explainers.working.items()}
        )


def can_contrast(explainer: MapFunction) -> bool:
    """Return whether an explainer has a method ``explain(images, targets, against=...)``."""
    method = getattr(explainer, "explain", None)
    return callable(method) and "against" in inspect.signature(method).parameters


class Contrast:
    """An explainer's maps of the evidence for the target class rather than for the class `against`."""

    def __init__(self, explainer: Any, against: int) -> None:
        self.explainer, self.against = explainer, against

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return maps (B, H, W) of normalised images for int64 targets (B,)."""
        maps: Tensor = self.explainer.explain(images, targets, against=torch.full_like(targets, self.against)).maps
        return maps
