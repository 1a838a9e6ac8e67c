"""A picture to explain: as it is shown, and as the model takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn.functional import interpolate

from ..data.splits import DataInfo
from ..figures.thumbnails import overlay

LONGEST = 1024
"""Pixels. The longer side of what is shown of a larger image."""


@dataclass(frozen=True)
class Picture:
    """An image uint8 (C, H', W') of its own shape, `shown`, and as the model takes it, `fitted`, uint8 (C, H, W).

    `fitted` is `shown` resized so that it just covers H x W, and cropped about the middle. `label`: the true class,
    where it is known.
    """

    name: str
    shown: Tensor
    fitted: Tensor
    label: int | None = None

    def overlay(self, heat: Tensor) -> Tensor:
        """Blend what is shown with `heat`, float (H, W) in [0, 1], as uint8 (3, H', W'); what was cropped is dark."""
        height, width = self.shown.shape[-2:]
        rows, columns = seen(height, width, *heat.shape)
        size = (rows.stop - rows.start, columns.stop - columns.start)
        heats = torch.zeros(height, width)
        heats[rows, columns] = interpolate(heat[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(0, 1)
        outside = torch.ones(height, width, dtype=torch.bool)
        outside[rows, columns] = False
        blended = overlay(self.shown, heats)
        return torch.where(outside, blended // 2, blended)


def fit(name: str, image: Image.Image, info: DataInfo, label: int | None = None) -> Picture:
    """Return an image of any size, of mode RGB or L as the channels of `info` want it, as a `Picture`."""
    fitted = ImageOps.fit(image, (info.width, info.height), Image.Resampling.BICUBIC)
    if (longest := max(image.size)) > LONGEST:
        width, height = (max(1, round(side / longest * LONGEST)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    return Picture(name, tensor_of(image), tensor_of(fitted), label)


def tensor_of(image: Image.Image) -> Tensor:
    """Return an image of mode L or RGB as uint8 (C, H, W)."""
    pixels = np.array(image)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1)).permute(2, 0, 1).contiguous()


def seen(height: int, width: int, model_height: int, model_width: int) -> tuple[slice, slice]:
    """Return the rows and columns of an image that its model sees: the largest part of its shape, in the middle."""
    scale = min(height / model_height, width / model_width)
    part = max(1, round(scale * model_height)), max(1, round(scale * model_width))
    top, left = (height - part[0]) // 2, (width - part[1]) // 2
    return slice(top, top + part[0]), slice(left, left + part[1])
