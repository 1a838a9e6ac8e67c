"""Random crops of photos of any size, in the input size of the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import resized_crop

if TYPE_CHECKING:
    from cvkit import DataInfo

_Share = Annotated[float, Field(gt=0, le=1)]
_Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]


def random_resized_crop(
    info: DataInfo,
    *,
    scale: tuple[_Share, _Share] = (0.35, 1.0),
    ratio: tuple[PositiveFloat, PositiveFloat] = (0.75, 1.3333333333333333),
    interpolation: _Interpolation | None = None,
) -> v2.RandomResizedCrop:
    """Crop a random part of the photo and resize it to the input size.

    The part is anywhere in the photo, also outside the centre that an evaluation sees. Source: Szegedy et al. 2014,
    "Going Deeper with Convolutions", section 6, with ``scale: [0.08, 1]``, which suits a million training images.

    Args:
        info: Input size of the model and framing of the data set.
        scale: Lowest and highest area of the crop as a fraction of the photo's, in (0, 1]. fastai's lowest is 0.35.
        ratio: Lowest and highest ratio of width to height of the crop, above 0. It is the ratio in the photo, before
            the crop is resized.
        interpolation: Interpolation of the resizing; null uses that of the framing.

    Returns:
        A transform from uint8 (C, H, W) of any size to (C, height, width) of `info`.

    Raises:
        ValueError: The highest value of a range is below the lowest.
    """
    for name, (lowest, highest) in (("scale", scale), ("ratio", ratio)):
        if lowest > highest:
            raise ValueError(f"{name}: the lowest value, {lowest:g}, is above the highest, {highest:g}")
    return v2.RandomResizedCrop((info.height, info.width), scale, ratio, _mode(info, interpolation), antialias=True)


def resize_random_crop(
    info: DataInfo, *, crop_pct: _Share | None = None, interpolation: _Interpolation | None = None
) -> ResizeRandomCrop:
    """Resize the photo until it covers the input size divided by `crop_pct`, then crop it at a random position.

    The crop is as large as the centre crop of an evaluation, but anywhere in the photo.

    Args:
        info: Input size of the model and framing of the data set.
        crop_pct: The fraction of the resized photo's shorter side that the crop keeps, in (0, 1]; null uses that of
            the framing.
        interpolation: Interpolation of the resizing; null uses that of the framing.

    Returns:
        A transform from uint8 (C, H, W) of any size to (C, height, width) of `info`.
    """
    share = crop_pct or (info.framing.crop_pct if info.framing else None) or 0.875
    return ResizeRandomCrop((info.height, info.width), share, _mode(info, interpolation))


@dataclass(frozen=True)
class ResizeRandomCrop:
    """Cut out the part that the crop keeps, in whole pixels of the photo, then resize only this part: it is faster.

    Attributes:
        size: Height and width of the result.
        share: The fraction of the resized photo's shorter side that the crop keeps.
        interpolation: Interpolation of the resizing.
    """

    size: tuple[int, int]
    share: float
    interpolation: v2.InterpolationMode

    def __call__(self, image: Tensor) -> Tensor:
        """Return a crop of `image`, uint8 (C, H, W)."""
        sides = (image.shape[-2], image.shape[-1])
        step = self.share * min(side / wanted for side, wanted in zip(sides, self.size, strict=True))
        kept = [min(side, max(1, round(step * wanted))) for side, wanted in zip(sides, self.size, strict=True)]
        top, left = (int(torch.randint(side - part + 1, ())) for side, part in zip(sides, kept, strict=True))
        crop: Tensor = resized_crop(
            image, top, left, *kept, list(self.size), interpolation=self.interpolation, antialias=True
        )
        return crop


def _mode(info: DataInfo, interpolation: str | None) -> v2.InterpolationMode:
    return v2.InterpolationMode(interpolation or (info.framing.interpolation if info.framing else None) or "bilinear")
