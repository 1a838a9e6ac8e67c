"""What is asked of each image: classes, and those they are contrasted with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from cvkit import RunError


@dataclass(frozen=True)
class Targets:
    """T classes for each of B images, each alone or against another.

    `classes`: int64 (B, T). `against`: int64 (B, T), or None.
    """

    classes: Tensor
    against: Tensor | None = None

    @classmethod
    def of(cls, targets: Tensor, against: Tensor | None = None) -> Targets:
        """Return targets (B,) or (B, T), and what they are held against, as what a graph may hold."""
        if targets.ndim == 1:
            return cls.of(targets[:, None], None if against is None else against[:, None])
        return cls(recordable(targets), None if against is None else recordable(against))

    def __getitem__(self, chosen: slice | Tensor) -> Targets:
        """Return the targets of some of the images."""
        return Targets(self.classes[chosen], None if self.against is None else self.against[chosen])

    def scores(self, logits: Tensor) -> Tensor:
        """Return what is explained, (B, T): the target's logit, less that of the class it is held against.

        `logits`: (B, K). It is float32, or float64 where they are. Raises `RunError` for a class there is not.
        """
        scores = target_scores(logits, self.classes)
        return scores if self.against is None else scores - target_scores(logits, self.against)


def target_scores(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the logits (B, K) of the target classes, (B, T); raise `RunError` for a class there is not."""
    classes = logits.shape[1]
    if wrong := targets[(targets < 0) | (targets >= classes)].tolist():
        raise RunError(f"there is no class {wrong[0]} to explain: the model's are 0 to {classes - 1}")
    return at_least_single(logits).gather(1, targets)


def require_targets(images: Tensor, targets: Tensor, against: Tensor | None = None) -> None:
    """Raise `RunError` unless targets are int64 (B,) or (B, T), T at least 1, for B images, B at least 1.

    `against` is of the targets' shape and kind, or None.
    """
    if not len(images):
        raise RunError("there are no images to explain")
    if targets.ndim not in (1, 2) or len(targets) != len(images) or not targets.numel():
        raise RunError(f"targets of {len(images)} images are (B,) or (B, T), and these are {tuple(targets.shape)}")
    if against is not None and against.shape != targets.shape:
        raise RunError(
            f"`against` holds one class for each target, {tuple(targets.shape)}, and is {tuple(against.shape)}"
        )
    for classes in (targets, against):
        if classes is not None and classes.dtype != torch.int64:
            raise RunError(f"classes to explain are int64, and these are {str(classes.dtype).removeprefix('torch.')}")


def recordable(tensor: Tensor) -> Tensor:
    """Return a tensor that a graph may hold: a copy of one that was made in inference mode."""
    return tensor.clone() if tensor.is_inference() else tensor


def at_least_single(tensor: Tensor) -> Tensor:
    """Return a tensor as float32, or as it is where it is float64, so that sums are in no lower precision than it."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()
