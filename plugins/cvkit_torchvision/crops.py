"""Random crops of photos of any size, in the input size of the model."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
) -> RandomResizedCrop:
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
    return RandomResizedCrop((info.height, info.width), scale, ratio, _mode(info, interpolation), antialias=True)


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


class RandomResizedCrop(v2.RandomResizedCrop):  # type: ignore[misc]  # torchvision has no types
    """torchvision's transform, which can also crop a photo that was reduced when it was decoded."""

    def needed(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest size of a photo with which even the smallest crop has the input size."""
        area, (narrowest, widest) = self.scale[0] * height * width, self.ratio
        # The second and third bounds are those of the centre crop, used if no random crop fits into the photo.
        smallest = (
            min(math.sqrt(area / widest), height, width / narrowest),
            min(math.sqrt(area * narrowest), width, height * widest),
        )
        sides = zip((height, width), self.size, smallest, strict=True)
        rows, columns = (math.ceil(side * wanted / part) for side, wanted, part in sides)
        return rows, columns

    def forward(self, image: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return a crop of `image`, uint8 (C, H, W), that is drawn for a photo of `size`."""
        if size is None:
            crop: Tensor = super().forward(image)
            return crop
        drawn = self.make_params([torch.empty((1, *size), device="meta")])
        place = (drawn["top"], drawn["left"], drawn["height"], drawn["width"])
        return _cut(image, size, place, self.size, self.interpolation)


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

    def needed(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest size of a photo with which a crop has the input size."""
        step = self._step((height, width))
        return math.ceil(height / step), math.ceil(width / step)

    def __call__(self, image: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Return a crop of `image`, uint8 (C, H, W), that is drawn for a photo of `size`."""
        sides = size or (image.shape[-2], image.shape[-1])
        step = self._step(sides)
        kept = [min(side, max(1, round(step * wanted))) for side, wanted in zip(sides, self.size, strict=True)]
        top, left = (int(torch.randint(side - part + 1, ())) for side, part in zip(sides, kept, strict=True))
        return _cut(image, sides, (top, left, *kept), self.size, self.interpolation)

    def _step(self, sides: tuple[int, int]) -> float:
        """Return how many pixels of a photo become one pixel of the crop."""
        return self.share * min(side / wanted for side, wanted in zip(sides, self.size, strict=True))


def _cut(
    image: Tensor,
    size: tuple[int, int],
    place: tuple[int, ...],
    wanted: Sequence[int],
    interpolation: v2.InterpolationMode,
) -> Tensor:
    """Return a part of a photo in the size `wanted`.

    `place` is top, left, height and width in the photo of `size`. If `image` is reduced, its edges are rounded to
    whole pixels of `image`.
    """
    scales = [side / whole for side, whole in zip(image.shape[-2:], size, strict=True)] * 2
    top, left, bottom, right = (
        round(edge * scale)
        for edge, scale in zip((*place[:2], place[0] + place[2], place[1] + place[3]), scales, strict=True)
    )
    kept = (max(1, bottom - top), max(1, right - left))
    crop: Tensor = resized_crop(image, top, left, *kept, list(wanted), interpolation=interpolation, antialias=True)
    return crop


def _mode(info: DataInfo, interpolation: str | None) -> v2.InterpolationMode:
    return v2.InterpolationMode(interpolation or (info.framing.interpolation if info.framing else None) or "bilinear")
