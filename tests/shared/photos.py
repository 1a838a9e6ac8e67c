"""Photos of a kind: textured pictures that differ, as small as CIFAR's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def photo(seed: int, side: int = 40) -> Tensor:
    """A smooth random picture in colour, uint8 (3, side, side): no two seeds are alike."""
    draws = torch.Generator().manual_seed(seed)
    made = sum(
        interpolate(torch.randn(1, channels, grid, grid, generator=draws), (side, side), mode="bicubic")[0] / weight
        for channels, grid, weight in ((1, 4, 1.0), (1, 10, 1.5), (1, 20, 3.0), (3, 4, 2.0))
    )
    return (128 + 40 * made).clamp(0, 255).to(torch.uint8)
