"""The classes to explain for each image, and the classes to contrast them with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cvkit import RunError


@dataclass(frozen=True)
class Targets:
    """T classes for each of B images, and optionally the classes to contrast them with.

    `classes` is int64 (B, T). `against` is int64 (B, T), or None.
    """

    classes: Tensor
    against: Tensor | None = None

    @classmethod
    def of(cls, targets: Tensor, against: Tensor | None = None) -> Targets:
        """Return targets from classes (B,) or (B, T), as tensors that can be recorded in a graph."""
        if targets.ndim == 1:
            return cls.of(targets[:, None], None if against is None else against[:, None])
        return cls(recordable(targets), None if against is None else recordable(against))

    def __getitem__(self, chosen: slice | Tensor) -> Targets:
        """Return the targets of some of the images."""
        return Targets(self.classes[chosen], None if self.against is None else self.against[chosen])

    def scores(self, logits: Tensor) -> Tensor:
        """Return the scores to explain, (B, T): the logit of the target, minus that of the contrasting class.

        `logits` are (B, K). The scores are float32, or float64 if the logits are. Raises `RunError` for a class that
        the model does not have.
        """
        scores = target_scores(logits, self.classes)
        return scores if self.against is None else scores - target_scores(logits, self.against)


def target_scores(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the logits of the target classes, (B, T); raise `RunError` for a class that the model does not have."""
    classes = logits.shape[1]
    if wrong := targets[(targets < 0) | (targets >= classes)].tolist():
        raise RunError(f"the model has no class {wrong[0]} to explain; its classes are 0 to {classes - 1}")
    return at_least_single(logits).gather(1, targets)


def require_targets(images: Tensor, targets: Tensor, against: Tensor | None = None) -> None:
    """Raise `RunError` unless targets are int64 (B,) or (B, T) for B images, with B and T at least 1.

    `against` must be None or have the shape and type of the targets.
    """
    if not len(images):
        raise RunError("there are no images to explain")
    if targets.ndim not in (1, 2) or len(targets) != len(images) or not targets.numel():
        raise RunError(
            f"the targets of {len(images)} images must have the shape (B,) or (B, T), but have {tuple(targets.shape)}"
        )
    if against is not None and against.shape != targets.shape:
        raise RunError(
            f"`against` must have the shape of the targets, {tuple(targets.shape)}, but has {tuple(against.shape)}"
        )
    for classes in (targets, against):
        if classes is not None and classes.dtype != torch.int64:
            raise RunError(
                f"the classes to explain must be int64, but are {str(classes.dtype).removeprefix('torch.')}"
            )


def recordable(tensor: Tensor) -> Tensor:
    """Return a tensor that can be recorded in a graph: a copy if it was created in inference mode."""
    return tensor.clone() if tensor.is_inference() else tensor


def at_least_single(tensor: Tensor) -> Tensor:
    """Return a tensor as float32, or unchanged if it is float64, so that sums do not lose precision."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
