"""torchvision's transforms for recipes; the size of the two random crops is optional here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torchvision.transforms import v2
from torchvision.transforms.v2 import *  # noqa: F403  # a recipe may name any class of the installed version

Size = int | Sequence[int] | None


def RandomCrop(  # noqa: N802  # it replaces the class
    size: Size = None,
    padding: int | Sequence[int] | None = None,
    pad_if_needed: bool = True,
    fill: float | Sequence[float] | None = 0,
    padding_mode: Literal["constant", "edge", "reflect", "symmetric"] = "constant",
) -> v2.RandomCrop:
    """Pad the image, then crop it at a random position.

    Args:
        size: Height and width of the crop in pixels; by default the image size of the data set.
        padding: Pixels added on each side before the crop: one number, or one for each side.
        pad_if_needed: Pad images that are smaller than the crop; if false, such an image ends the run.
        fill: Value of the padded pixels, one number or one per channel.
        padding_mode: How padded pixels are filled.
    """
    return v2.RandomCrop(size, padding, pad_if_needed, fill, padding_mode)


def RandomResizedCrop(  # noqa: N802  # it replaces the class
    size: Size = None,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    interpolation: v2.InterpolationMode | str | int = v2.InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> v2.RandomResizedCrop:
    """Crop a random part of the image and resize it.

    Args:
        size: Height and width of the result in pixels; by default the image size of the data set.
        scale: Lowest and highest area of the crop as a fraction of the image area.
        ratio: Lowest and highest ratio of width to height of the crop.
        interpolation: Interpolation of the resizing, such as ``bilinear``.
        antialias: Smooth the image when it becomes smaller.
    """
    return v2.RandomResizedCrop(size, scale, ratio, interpolation, antialias)
