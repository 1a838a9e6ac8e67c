"""Convert signed maps to the final maps: rectify, resize and normalise them to [0, 1]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

Normalization = Literal["max", "minmax", "none"]
Finish = Callable[[Tensor, tuple[int, ...]], Tensor]
"""A function (raw (B, T, h, w), (H, W)) -> maps (B, T, H, W) with the data type of `raw`."""


def resized(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize maps (B, T, h, w) to `size` by bilinear interpolation without aligned corners, (B, T, H, W)."""
    return interpolate(maps, size, mode="bilinear", align_corners=False)


def by_maximum(raw: Tensor, size: tuple[int, ...]) -> Tensor:
    """Rectify, resize and divide by the maximum."""
    return divided_by_maximum(resized(raw.relu(), size))


def by_range(raw: Tensor, size: tuple[int, ...]) -> Tensor:
    """Rectify, stretch, resize and stretch again, as pytorch-grad-cam does."""
    return stretched(resized(stretched(raw.relu()), size))


def keep_scale(raw: Tensor, size: tuple[int, ...]) -> Tensor:
    """Rectify and resize."""
    return resized(raw.relu(), size)


NORMALIZATIONS: dict[Normalization, Finish] = {"max": by_maximum, "minmax": by_range, "none": keep_scale}


def divided_by_maximum(maps: Tensor) -> Tensor:
    """Divide each non-negative map (..., H, W) by its maximum; a map of zeros stays zero, and NaN is kept."""
    peak = maps.amax(dim=(-2, -1), keepdim=True)
    return maps / torch.where(peak > 0, peak, 1.0)


def stretched(maps: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Stretch each map (..., H, W) to [0, 1].

    `epsilon` keeps a constant map at zero; the default is that of pytorch-grad-cam.
    """
    maps = maps - maps.amin(dim=(-2, -1), keepdim=True)
    return maps / (maps.amax(dim=(-2, -1), keepdim=True) + epsilon)
