"""What augmentations and explainers are called with, for type checkers; other kinds make classes of torch."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Augmentation(Protocol):
    """Images, float (B, C, H, W) in [0, 1] -> new images of that shape and range; the input stays as it is."""

    def __call__(self, images: Tensor, /) -> Tensor: ...


class SampleAugmentation(Protocol):
    """One image, uint8 (C, H, W) -> a new one of that shape and type; the input stays as it is."""

    def __call__(self, image: Tensor, /) -> Tensor: ...


class Explainer(Protocol):
    """Normalised images (B, C, H, W), int64 targets (B,) -> maps, float32 (B, H, W) in [0, 1], detached."""

    def __call__(self, images: Tensor, targets: Tensor, /) -> Tensor: ...
