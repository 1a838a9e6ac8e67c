"""How augmentations, metrics and explainers are called, and what maps are; other kinds make classes of torch."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from .errors import RunError


class Augmentation(Protocol):
    """Images, float (B, C, H, W) in [0, 1] -> new images of that shape and range; the input stays as it is."""

    def __call__(self, images: Tensor, /) -> Tensor: ...


class SampleAugmentation(Protocol):
    """One image, uint8 (C, H, W) -> a new one of that shape and type; the input stays as it is."""

    def __call__(self, image: Tensor, /) -> Tensor: ...


class Explainer(Protocol):
    """Normalised images (B, C, H, W), int64 targets (B,) -> maps, float32 (B, H, W) in [0, 1], detached."""

    def __call__(self, images: Tensor, targets: Tensor, /) -> Tensor: ...


class Metric(Protocol):
    """Logits float32 (N, K) and labels int64 (N,) of a whole split, on the CPU -> a finite number."""

    def __call__(self, logits: Tensor, labels: Tensor, /) -> float: ...


def require_maps(maps: object, images: Tensor) -> Tensor:
    """Return `maps`; raise `RunError` unless they are finite, one for each of the images and as large as they are."""
    expected = (len(images), *images.shape[-2:])
    if not isinstance(maps, Tensor):
        raise RunError(f"its maps are a {type(maps).__name__}, not a tensor {expected}")
    if tuple(maps.shape) != expected:
        raise RunError(f"its maps are {tuple(maps.shape)}, not {expected}")
    if not torch.isfinite(maps).all():
        raise RunError("its maps are not finite")
    return maps
