"""How signed maps become the maps that are shown: rectified, resized, and brought to [0, 1], by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

Normalization = Literal["max", "minmax", "none"]
Finish = Callable[[Tensor, tuple[int, ...]], Tensor]
"""What makes maps (B, T, H, W) of signed ones: (raw (B, T, h, w), (H, W)) -> in its precision."""


def resized(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return maps (B, T, h, w) at `size`, bilinearly, corners not aligned, (B, T, H, W)."""
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
    """Divide each map (..., H, W) of values from 0 on by its maximum; zeros stay zeros, and not-a-numbers show."""
    peak = maps.amax(dim=(-2, -1), keepdim=True)
    return maps / torch.where(peak > 0, peak, 1.0)


def stretched(maps: Tensor, epsilon: float = 1e-7) -> Tensor:
    """Stretch each map (..., H, W) to [0, 1]; `epsilon`, pytorch-grad-cam's by default, keeps a flat one at zero."""
    maps = maps - maps.amin(dim=(-2, -1), keepdim=True)
    return maps / (maps.amax(dim=(-2, -1), keepdim=True) + epsilon)
