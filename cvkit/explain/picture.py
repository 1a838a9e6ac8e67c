"""A picture to explain: the version that is shown, and the version that the model receives."""

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
"""The maximum length in pixels of the longer side of a shown picture. Larger images are reduced."""


@dataclass(frozen=True)
class Picture:
    """An image to explain.

    Attributes:
        name: The file or the position in the split.
        shown: The image in its own shape, uint8 (C, H', W').
        fitted: `shown` resized to cover H x W and cropped to the centre, uint8 (C, H, W): the model's input.
        label: The true class, if it is known.
    """

    name: str
    shown: Tensor
    fitted: Tensor
    label: int | None = None

    def overlay(self, heat: Tensor) -> Tensor:
        """Blend `shown` with `heat`, float (H, W) in [0, 1]; return uint8 (3, H', W'). Cropped parts are dark."""
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
    """Return an image of any size as a `Picture`. Its mode is RGB or L, as the channels of `info` require."""
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
    """Return the rows and columns that the model sees: the largest central part with the model's aspect ratio."""
    scale = min(height / model_height, width / model_width)
    part = max(1, round(scale * model_height)), max(1, round(scale * model_width))
    top, left = (height - part[0]) // 2, (width - part[1]) // 2
    return slice(top, top + part[0]), slice(left, left + part[1])
