"""A picture to explain: the version that is shown, and the version that the model receives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ..data.decoding import tensor_of
from ..data.framing import Window
from ..data.reduction import Wanted, needed_for_framing
from ..data.resizing import frame, window_of
from ..data.splits import DataInfo
from ..figures.thumbnails import overlay
from ..printable import readable_name
from .image_io import Reader

LONGEST = 1024
"""The maximum length in pixels of the longer side of a shown picture. Larger images are reduced."""


@dataclass(frozen=True)
class Picture:
    """An image to explain.

    Attributes:
        name: The file or the position in the split.
        shown: The image in its own shape, uint8 (C, H', W').
        fitted: The image in the model's input size, uint8 (C, H, W).
        labels: The true classes, or None if they are not known.
        window: How the image was framed; None if it has the input size.
        partial: Whether the image may have further labels besides `labels`.
    """

    name: str
    shown: Tensor
    fitted: Tensor
    labels: tuple[int, ...] | None = None
    window: Window | None = None
    partial: bool = False

    @property
    def is_cropped(self) -> bool:
        """Whether the model does not see the whole image."""
        window = self.window
        return window is not None and (window.height > self.fitted.shape[-2] or window.width > self.fitted.shape[-1])

    def overlay(self, heat: Tensor, signed: bool = False) -> Tensor:
        """Blend `shown` with `heat`, float (H, W) in [0, 1]; return uint8 (3, H', W'). Cropped parts are dark.

        `signed` heat is in [-1, 1].
        """
        height, width = self.shown.shape[-2:]
        window = self.window or Window(heat.shape[0], heat.shape[1], 0, 0)
        top, bottom = _span(window.top, heat.shape[0], window.height, height)
        left, right = _span(window.left, heat.shape[1], window.width, width)
        size = (max(1, bottom - top), max(1, right - left))
        enlarged = interpolate(heat[None, None], size, mode="bilinear", antialias=True)[0, 0].clamp(
            -1 if signed else 0, 1
        )
        rows, columns = slice(max(top, 0), top + size[0]), slice(max(left, 0), left + size[1])
        heats, outside = torch.zeros(height, width), torch.ones(height, width, dtype=torch.bool)
        inside = heats[rows, columns].shape
        heats[rows, columns] = enlarged[max(-top, 0) :, max(-left, 0) :][: inside[0], : inside[1]]
        outside[rows, columns] = False
        blended = overlay(self.shown, heats, signed)
        return torch.where(outside, blended // 2, blended)


def fit_file(path: Path, read: Reader, info: DataInfo, labels: tuple[int, ...] | None = None) -> Picture:
    """Return an image file as a `Picture`, decoded and framed like the run's own evaluation images."""
    needed = needed_for_framing(info)
    wanted = None if needed is None else Wanted(needed)
    image = read(path, wanted)
    return fit(readable_name(str(path)), image, info, labels, None if wanted is None else wanted.size)


def fit(
    name: str,
    image: Image.Image,
    info: DataInfo,
    labels: tuple[int, ...] | None = None,
    size: tuple[int, int] | None = None,
) -> Picture:
    """Return an image of any size as a `Picture`, framed like the run's own evaluation images.

    Its mode is RGB or L, as the channels of `info` require. `size` is its height and width in the file, if it was
    reduced when it was decoded.
    """
    whole = tensor_of(image)
    window = window_of(size or (image.height, image.width), info)
    if (longest := max(image.size)) > LONGEST:
        width, height = (max(1, round(side / longest * LONGEST)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    return Picture(name, tensor_of(image).contiguous(), frame(whole, info, size), labels, window)


def _span(start: int, side: int, resized: int, shown: int) -> tuple[int, int]:
    """Return the first and last pixel of a shown side that the model sees; they may be outside the picture.

    The model's input is the `side` pixels from `start` of a side that was `resized`.
    """
    return round(start / resized * shown), round((start + side) / resized * shown)
