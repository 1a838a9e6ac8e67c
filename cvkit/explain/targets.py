"""Which classes a picture is explained for, and against which."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import RunError
from .explainers import Explainers, MapFunction


@dataclass(frozen=True)
class ExplainTargets:
    """`targets`: classes to explain every picture for; where there are none, the predicted and the true class.

    `against`: a class that each of them is set against, or None. A picture is not asked about that class itself.
    """

    targets: Sequence[int] = ()
    against: int | None = None

    def of(self, predicted: int, label: int | None) -> list[int]:
        """Return the classes that a picture is explained for."""
        classes = self.targets or ([predicted] if label is None else [predicted, label])
        return [target for target in dict.fromkeys(classes) if target != self.against]

    def apply_contrast(self, explainers: Explainers) -> None:
        """Have explainers answer it; raise `RunError` naming those that cannot set one class against another."""
        if self.against is None:
            return
        can = {name: can_contrast(explainer) for name, explainer in explainers.working.items()}
        if unable := [name for name, able in can.items() if not able]:
            able = ", ".join(name for name in can if can[name]) or "none of the methods asked for"
            raise RunError(
                f"{', '.join(unable)} cannot set one class against another (--against); {able} can. Name others with "
                "--method"
            )
        explainers.working.update(
            {name: Contrast(explainer, self.against) for name, explainer in explainers.working.items()}
        )


def can_contrast(explainer: MapFunction) -> bool:
    """Whether an explainer has a method ``explain(images, targets, against=...)``."""
    method = getattr(explainer, "explain", None)
    return callable(method) and "against" in inspect.signature(method).parameters


class Contrast:
    """An explainer's maps of why it is the target, and not the class `against`."""

    def __init__(self, explainer: Any, against: int) -> None:
        self.explainer, self.against = explainer, against

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return maps (B, H, W) of normalised images for int64 targets (B,)."""
        maps: Tensor = self.explainer.explain(images, targets, against=torch.full_like(targets, self.against)).maps
        return maps
