"""The transforms that recipes may name: torchvision's, of which the crops need not be told a size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torchvision.transforms import v2
from torchvision.transforms.v2 import *  # noqa: F403  # recipes name any of its classes, whichever this version has

Size = int | Sequence[int] | None


def RandomCrop(  # noqa: N802  # it stands for the class
    size: Size = None,
    padding: int | Sequence[int] | None = None,
    pad_if_needed: bool = False,
    fill: float | Sequence[float] | None = 0,
    padding_mode: Literal["constant", "edge", "reflect", "symmetric"] = "constant",
) -> v2.RandomCrop:
    """Pad the image, then crop it at a random place; `size` is the data set's."""
    return v2.RandomCrop(size, padding, pad_if_needed, fill, padding_mode)


def RandomResizedCrop(  # noqa: N802  # it stands for the class
    size: Size = None,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    interpolation: v2.InterpolationMode | str | int = v2.InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> v2.RandomResizedCrop:
    """Crop a random part of the image and resize it; `size` is the data set's."""
    return v2.RandomResizedCrop(size, scale, ratio, interpolation, antialias)
