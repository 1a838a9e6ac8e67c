"""Make small pictures of samples as PNG bytes."""

from __future__ import annotations

import io

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.image import imsave
from torch import Tensor
from torch.nn.functional import interpolate

from .style import BLUE, ORANGE

SIDE = 128
"""The length of a picture's longer side in pixels. Smaller images are enlarged by an integer factor up to it."""

SMALL = 64
"""The same for a picture of a similar image, of which each card has several."""

SEEN = 224
"""The same for a picture that readers can enlarge, which is then the image as most models see it."""

_SIGNED = LinearSegmentedColormap.from_list("signed", ["#74C2FF", BLUE, "#000000", ORANGE, "#FFB04D"])


def is_enlarged(height: int, width: int, side: int = SIDE) -> bool:
    """Return whether `thumbnail` enlarges images of this size."""
    return 2 * max(height, width) <= side


def pixelated(images: Tensor) -> bool:
    """Return whether `thumbnail` enlarges `images`, uint8 (n, C, H, W)."""
    return bool(len(images)) and is_enlarged(*images.shape[-2:])


def thumbnail(image: Tensor, side: int = SIDE) -> bytes:
    """Return a PNG of `image`, uint8 (C, H, W), enlarged by an integer factor or reduced to `side` pixels.

    Three channels are shown as red, green and blue. For any other number of channels, their mean is shown in grey.

    Args:
        image: uint8 (C, H, W).
        side: The length of the longer side in pixels.

    Returns:
        The bytes of a PNG.
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


def overlay(image: Tensor, heat: Tensor, signed: bool = False) -> Tensor:
    """Blend `image` with `heat` in equal parts; return uint8 (3, H, W).

    `image` is uint8 (C, H, W) and is shown in grey. `heat` is float (H, W) in [0, 1] and is shown in matplotlib's
    inferno colours, which are perceptually uniform, from black at 0 to light yellow at 1. Only the heat is coloured,
    so that colours of the image are not mistaken for heat.

    `signed` heat is in [-1, 1]: orange above 0, blue below 0, black at 0, and brighter the farther from 0. People
    with any colour-blindness can tell these two apart.
    """
    values = heat.numpy().astype(np.float64)
    shades: Colormap = _SIGNED if signed else colormaps["inferno"]
    colours = torch.from_numpy(shades((values + 1) / 2 if signed else values)[..., :3]).permute(2, 0, 1)
    return (0.5 * image.float().mean(dim=0, keepdim=True) + 127.5 * colours).round().to(torch.uint8)


def colour_bar(signed: bool = False) -> bytes:
    """Return a PNG of the colours of heat on a grey image: from 0 to 1, or of `signed` heat from -1 to 1."""
    heat = torch.linspace(-1 if signed else 0, 1, 2 * SIDE).expand(8, -1)
    return thumbnail(overlay(torch.full((1, *heat.shape), 128, dtype=torch.uint8), heat, signed), 2 * SIDE)
