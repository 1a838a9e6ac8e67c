"""Small pictures of samples, as PNG bytes."""

from __future__ import annotations

import io

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.image import imsave
from torch import Tensor
from torch.nn.functional import interpolate

SIDE = 128
"""Pixels. The longer side of a picture, as nearly as a whole factor takes a smaller image there."""


def is_enlarged(height: int, width: int, side: int = SIDE) -> bool:
    """Whether `thumbnail` repeats the pixels of an image of that size."""
    return 2 * max(height, width) <= side


def pixelated(images: Tensor) -> bool:
    """Whether `thumbnail` repeats the pixels of `images`, uint8 (n, C, H, W)."""
    return bool(len(images)) and is_enlarged(*images.shape[-2:])


def thumbnail(image: Tensor, side: int = SIDE) -> bytes:
    """Return a PNG of `image`, uint8 (C, H, W): small ones enlarged by a whole factor, large ones reduced to `side`.

    Three channels are red, green and blue; any other number is shown as its mean, grey.
    """
    height, width = image.shape[1:]
    if len(image) != 3:
        image = image.float().mean(dim=0, keepdim=True).round().to(torch.uint8).expand(3, -1, -1)
    if is_enlarged(height, width, side):
        factor = side // max(height, width)
        image = image.repeat_interleave(factor, dim=1).repeat_interleave(factor, dim=2)
    elif max(height, width) > side:
        size = [max(1, round(side * length / max(height, width))) for length in (height, width)]
        image = interpolate(image[None].float(), size, mode="bilinear", antialias=True)[0].round().to(torch.uint8)
    file = io.BytesIO()
    imsave(file, image.permute(1, 2, 0).contiguous().numpy(), format="png", metadata={"Software": "cvkit"})
    return file.getvalue()


def overlay(image: Tensor, heat: Tensor) -> Tensor:
    """Blend `image`, uint8 (C, H, W), in grey, half and half with `heat`, float (H, W) in [0, 1]; uint8 (3, H, W).

    The heat's colours are matplotlib's inferno: perceptually uniform, from black at 0 to light yellow at 1. They are
    the only colours, so that none of the image's own is taken for heat.
    """
    colours = torch.from_numpy(colormaps["inferno"](heat.numpy().astype(np.float64))[..., :3]).permute(2, 0, 1)
    return (0.5 * image.float().mean(dim=0, keepdim=True) + 127.5 * colours).round().to(torch.uint8)
