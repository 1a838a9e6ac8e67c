"""The options that the data sets of image files share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

Side = Annotated[int, Field(ge=1, le=8192)]
Share = Annotated[float, Field(gt=0, lt=1)] | PositiveInt | None
"""A fraction of the images, their number, or None."""
Bits = Annotated[int, Field(ge=9, le=16)]
Folds = Annotated[int, Field(ge=2, le=1000)]
FramingName = Literal["crop", "pad", "squash"]

# ImageNet's statistics (He et al. 2016, fb.resnet.torch). Grey: the mean is that of 0.299 R + 0.587 G + 0.114 B, as
# Pillow converts (ITU-R BT.601); the deviation is the mean of the three, because their correlation is not published.
_IMAGENET = {
    1: ((0.458,), (0.226,)),
    3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True)
class Reading:
    """How image files are read.

    Attributes:
        size: Height and width of the model's input, or one number for both.
        framing: How images are brought to that size; None requires images that have it.
        decode: Whether JPEG files may be decoded at a reduced size, ``draft``, or not, ``full``.
        channels: 1 for grey, 3 for RGB.
        bits: How many bits the values of 16-bit grey files use.
        max_megapixels: Largest accepted number of pixels in millions; None for Pillow's limit.
        on_error: ``fail`` refuses damaged files; ``skip`` leaves them out.
        mean: Mean of each channel; None for ImageNet's.
        std: Standard deviation of each channel; None for ImageNet's.
    """

    size: int | tuple[int, int]
    framing: FramingName | None
    decode: Literal["full", "draft"]
    channels: int
    bits: int
    max_megapixels: int | None
    on_error: Literal["fail", "skip"]
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None

    def __post_init__(self) -> None:
        if self.framing is None and self.decode == "draft":
            raise ValueError("decode: draft requires a framing, because without one every image has the input size")
        mean, std = self.statistics
        if len(mean) != self.channels or len(std) != self.channels:
            raise ValueError(
                f"mean {list(mean)} and std {list(std)} must have one value for each of the {self.channels} channels"
            )
        if not all(0 <= value <= 1 for value in mean) or not all(math.isfinite(value) and value > 0 for value in std):
            raise ValueError(f"mean {list(mean)} must be in [0, 1], and std {list(std)} must be above 0")

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the model's input."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel."""
        mean, std = _IMAGENET[self.channels]
        return self.mean or mean, self.std or std


@dataclass(frozen=True)
class SplitPlan:
    """How images without a split of their own are split.

    Attributes:
        validation: The fraction or the number of validation images.
        test: The fraction or the number of test images.
        folds: The number of folds; None to use `validation`.
        fold: The fold that becomes the validation images, from 1.
        seed: Another seed assigns images to other splits.
    """

    validation: float | int | None
    test: float | int | None
    folds: int | None
    fold: int | None
    seed: int

    def __post_init__(self) -> None:
        if (self.folds is None) != (self.fold is None):
            raise ValueError("folds and fold belong together, such as folds: 5, fold: 1")
        if self.folds is not None and self.fold is not None and not 1 <= self.fold <= self.folds:
            raise ValueError(f"fold {self.fold} must be from 1 to folds, which is {self.folds}")
        if self.folds is not None and self.validation is not None:
            raise ValueError("folds already choose the validation images; remove validation")


Seed = NonNegativeInt
