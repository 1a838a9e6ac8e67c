"""How an image of any size is brought to the input size of a model."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

FramingMode = Literal["crop", "pad", "squash"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Decoding = Literal["full", "draft"]


@dataclass(frozen=True)
class PretrainedInput:
    """The input that a network's pretrained weights were trained with.

    A model declares it by the attribute ``pretrained_input`` of the module that its factory returns.

    Attributes:
        mean: Mean of each channel, in [0, 1].
        std: Standard deviation of each channel, above 0.
        interpolation: The interpolation with which images were resized; None if it is unknown.
        crop_pct: The fraction of the resized image's sides that the centre crop keeps, in (0, 1]; None if unknown.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: Interpolation | None = None
    crop_pct: float | None = None

    @classmethod
    def declared(
        cls, mean: Iterable[float], std: Iterable[float], interpolation: object, crop_pct: float | None
    ) -> PretrainedInput:
        """Return the input that a library declares.

        Args:
            mean: Mean of each channel.
            std: Standard deviation of each channel.
            interpolation: The name of the interpolation; a name that cvkit does not have counts as unknown.
            crop_pct: The kept fraction; None or 0 if it is unknown.
        """
        known = next((name for name in get_args(Interpolation) if name == interpolation), None)
        return cls(tuple(map(float, mean)), tuple(map(float, std)), known, crop_pct or None)


@dataclass(frozen=True)
class Window:
    """The geometry of a framed image, in pixels.

    Attributes:
        height: Height of the image after it was resized.
        width: Width of the image after it was resized.
        top: First row of the resized image that is kept; negative if rows are added above it.
        left: First column of the resized image that is kept; negative if columns are added on its left.
    """

    height: int
    width: int
    top: int
    left: int


@dataclass(frozen=True)
class Framing:
    """How images of any size are brought to the input size of the model.

    Attributes:
        mode: ``crop`` resizes the image until it covers the input size divided by `crop_pct`, and keeps the centre.
            ``pad`` resizes the whole image until it fits, and fills the rest with the mean colour. ``squash`` resizes
            both sides, which changes the aspect ratio.
        interpolation: The interpolation; None uses that of the pretrained network, else ``bilinear``.
        crop_pct: The fraction of the resized image's sides that ``crop`` keeps, in (0, 1]; None uses that of the
            pretrained network, else 0.875.
        decode: ``full`` decodes every pixel of a photo. ``draft`` decodes JPEG files at a half, a quarter or an
            eighth of their size if at least twice the framed size remains.
    """

    mode: FramingMode = "crop"
    interpolation: Interpolation | None = None
    crop_pct: float | None = None
    decode: Decoding = "full"

    def resolved(self, trained_with: PretrainedInput | None) -> Framing:
        """Return the framing with every value set.

        Args:
            trained_with: The declaration of the pretrained network; None if there is none.
        """
        declared = trained_with or PretrainedInput((), ())
        return Framing(
            self.mode,
            self.interpolation or declared.interpolation or "bilinear",
            self.crop_pct or declared.crop_pct or 0.875,
            self.decode,
        )

    def window(self, size: tuple[int, int], wanted: tuple[int, int]) -> Window:
        """Return the geometry with which an image is framed.

        Args:
            size: Height and width of the image.
            wanted: Height and width of the result.
        """
        if self.mode == "squash":
            return Window(*wanted, 0, 0)
        ratios = [side / given for side, given in zip(wanted, size, strict=True)]
        if self.mode == "pad":
            height, width = (
                min(side, max(1, round(given * min(ratios)))) for side, given in zip(wanted, size, strict=True)
            )
            return Window(height, width, (height - wanted[0]) // 2, (width - wanted[1]) // 2)
        # Rounded as in torchvision's Resize and CenterCrop and in timm, so that published models get the same pixels.
        covered = [math.floor(side / (self.crop_pct or 1.0)) for side in wanted]
        if ratios[0] >= ratios[1]:
            height, width = covered[0], int(covered[0] * size[1] / size[0])
        else:
            height, width = int(covered[1] * size[0] / size[1]), covered[1]
        height, width = max(height, wanted[0]), max(width, wanted[1])
        return Window(height, width, round((height - wanted[0]) / 2), round((width - wanted[1]) / 2))

    def to_json(self) -> dict[str, Any]:
        """Return the framing as JSON values."""
        return asdict(self)
