"""How a map is brought to [0, 1], by name."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

Normalization = Literal["max", "minmax", "none"]


def upsampled(rectified: Tensor, size: tuple[int, ...], normalize: Normalization) -> Tensor:
    """Return rectified maps (B, T, h, w) resized bilinearly to `size` and normalised, float32 (B, T, H, W)."""
    if normalize == "minmax":
        rectified = stretched(rectified)
    maps = interpolate(rectified, size, mode="bilinear", align_corners=False)
    return {"max": divided_by_maximum, "minmax": stretched, "none": torch.Tensor.clone}[normalize](maps)


def divided_by_maximum(maps: Tensor) -> Tensor:
    """Divide each map (..., H, W) by its maximum where that is positive; the others become zero."""
    peak = maps.amax(dim=(-2, -1), keepdim=True)
    return torch.where(peak > 0, maps / peak, 0.0)


def stretched(maps: Tensor) -> Tensor:
    """Stretch each map (..., H, W) to [0, 1]; 1e-7 keeps a flat one at zero, as in pytorch-grad-cam."""
    maps = maps - maps.amin(dim=(-2, -1), keepdim=True)
    return maps / (maps.amax(dim=(-2, -1), keepdim=True) + 1e-7)
