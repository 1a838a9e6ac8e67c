"""Frame images: resize, crop and pad them to the size of a data set's info."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from .framing import Framing, PretrainedInput, Window
from .reduction import needed_for_framing, read_photo
from .splits import DataInfo, Split, Splits

DEFAULT = Framing("crop", "bicubic", 1.0)
"""How files are framed for a model whose data set has no framing, because all of its images have the input size."""

FAR = 50  # multiples of the kept part; what lies further away is cut off before the image is resized


def frame(image: Tensor, info: DataInfo, size: tuple[int, int] | None = None) -> Tensor:
    """Return an image in the input size.

    Args:
        image: uint8 (C, H, W) of any size.
        info: The input size, the framing and the mean colour.
        size: Height and width in the file, if the image was reduced when it was decoded.

    Returns:
        uint8 (C, `info.height`, `info.width`); `image` itself if it has that size.
    """
    own = (image.shape[-2], image.shape[-1])
    size = size or own
    if size == (info.height, info.width):
        return image
    image = _without_far_ends(image, info)
    kept = (image.shape[-2], image.shape[-1])
    window = window_of(size if kept == own else kept, info)
    mode = (info.framing or DEFAULT).interpolation or "bilinear"
    return _cut(_resized(image, (window.height, window.width), mode), window, info)


def _resized(image: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    """Return an image in another size. The pixels equal those of torchvision's `resize`, whose import is slow."""
    if size == tuple(image.shape[-2:]):
        return image
    batch = image[None]
    if batch.is_contiguous(memory_format=torch.channels_last):  # torch repacks the result unless the strides say so
        batch = batch.as_strided(batch.shape, (image.numel(), *image.stride()))
    smooth = mode != "nearest"
    return interpolate(batch, size=size, mode=mode, align_corners=False if smooth else None, antialias=smooth)[0]


def _without_far_ends(image: Tensor, info: DataInfo) -> Tensor:
    """Return the centre of a very long image of which ``crop`` keeps little, so that resizing it needs no memory."""
    framing = info.framing or DEFAULT
    if framing.mode != "crop":
        return image
    size = (image.shape[-2], image.shape[-1])
    window = framing.window(size, (info.height, info.width))
    most = (FAR * -(-info.height * size[0] // window.height), FAR * -(-info.width * size[1] // window.width))
    starts = [max(0, (side - kept) // 2) for side, kept in zip(size, most, strict=True)]
    return image[:, starts[0] : size[0] - starts[0], starts[1] : size[1] - starts[1]]


def window_of(size: tuple[int, int], info: DataInfo) -> Window:
    """Return the geometry with which an image of this height and width is framed."""
    wanted = (info.height, info.width)
    return Window(*wanted, 0, 0) if size == wanted else (info.framing or DEFAULT).window(size, wanted)


def _cut(resized: Tensor, window: Window, info: DataInfo) -> Tensor:
    top, left = max(window.top, 0), max(window.left, 0)
    kept = resized[:, top : top + info.height, left : left + info.width]
    if tuple(kept.shape[-2:]) == (info.height, info.width):
        return kept.contiguous()
    fill = torch.tensor([round(255 * value) for value in info.mean], dtype=torch.uint8).view(-1, 1, 1)
    canvas = fill.expand(len(resized), info.height, info.width).clone()
    top, left = max(-window.top, 0), max(-window.left, 0)
    canvas[:, top : top + kept.shape[1], left : left + kept.shape[2]] = kept
    return canvas


@dataclass(frozen=True)
class FramedSplit:
    """The images of `split` in the input size of `info`."""

    split: Split
    info: DataInfo

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int, /) -> tuple[Tensor, Any]:
        photo = read_photo(self.split, index, needed_for_framing(self.info))
        return frame(photo.image, self.info, photo.size), photo.label

    def __getattr__(self, name: str) -> Any:
        """Return another attribute of the split, such as the names of its files."""
        if name in ("split", "info", "reduced"):  # pickle asks before they are set; reduced images are not framed
            raise AttributeError(name)
        return getattr(self.split, name)


def framed(split: Split, info: DataInfo) -> Split:
    """Return `split` with images in the input size; `split` itself if the data set has no framing."""
    return split if info.framing is None or isinstance(split, FramedSplit) else FramedSplit(split, info)


def framed_halves(splits: Splits) -> Splits:
    """Return the splits with validation and test images in the input size. Training images keep their sizes."""
    info = splits.info
    return replace(
        splits,
        validation=None if splits.validation is None else framed(splits.validation, info),
        test=None if splits.test is None else framed(splits.test, info),
    )


def unframed(splits: Splits) -> Splits:
    """Return the splits with all images in their own sizes."""
    halves = (half.split if isinstance(half, FramedSplit) else half for half in (splits.validation, splits.test))
    validation, test = halves
    return replace(splits, validation=validation, test=test)


def suited(info: DataInfo, trained_with: PretrainedInput | None) -> DataInfo:
    """Return `info` with the framing and the normalisation of a pretrained network.

    The mean and the standard deviation stay those of the data set if the recipe gives them, or if the network was
    trained on images with another number of channels.
    """
    framing = None if info.framing is None else info.framing.resolved(trained_with)
    if trained_with is None or info.fixed_normalisation or len(trained_with.mean) != info.channels:
        return replace(info, framing=framing)
    return replace(info, framing=framing, mean=tuple(trained_with.mean), std=tuple(trained_with.std))
