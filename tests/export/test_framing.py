"""The framing that a graph contains: it makes the pixels of cvkit's own framing, of images of any size."""

from __future__ import annotations

import pytest
import torch
from photos import photo

from cvkit import DataInfo, Framing
from cvkit.data.framing import FramingMode, Interpolation
from cvkit.data.resizing import frame
from cvkit.export.framing import FramingModule

MODES: tuple[FramingMode, ...] = ("crop", "pad", "squash")
INTERPOLATIONS: tuple[Interpolation, ...] = ("nearest", "bilinear", "bicubic", "lanczos")
SIZES = [(150, 211), (211, 64), (20, 25), (32, 32), (64, 32), (31, 199), (7, 5), (1, 9)]


def info_of(mode: FramingMode, interpolation: Interpolation | None, height: int = 32, width: int = 40) -> DataInfo:
    """The properties of colour images of this size that are framed so."""
    framing = Framing(mode, interpolation, 0.875)
    return DataInfo(3, height, width, ("a", "b"), (0.2, 0.5, 0.9), (1.0,) * 3, framing=framing)


def sharp(height: int, width: int) -> torch.Tensor:
    """A smooth picture with hard edges, where interpolations overshoot."""
    image = photo(height + width, 220)[:, :height, :width].clone()
    image[:, height // 3 : height // 2, width // 3 :] = 255
    image[:, -1:] = 0
    return image


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_pixels_are_those_of_the_run(mode, interpolation):
    """Up to rounding: at most 1 of 255, in at most one of a thousand pixels."""
    for size in ((32, 40), (32, 32)):
        info = info_of(mode, interpolation, *size)
        module = FramingModule(info)
        different = total = 0
        for height, width in SIZES:
            image = sharp(height, width)
            made, expected = module(image[None])[0], frame(image, info)
            assert made.shape == expected.shape
            assert made.dtype == torch.uint8
            gaps = (made.int() - expected.int()).abs()
            assert gaps.max() <= (0 if interpolation == "nearest" else 1)
            different, total = different + int(gaps.count_nonzero()), total + gaps.numel()
        assert different <= total / 1000


def test_very_long_images_are_framed_as_in_the_run():
    """Of which cvkit cuts off the ends before it resizes them."""
    image = photo(1, 3300)[:, :33].repeat(1, 1, 2)
    info = info_of("crop", "bilinear")
    for long in (image, image.transpose(1, 2)):
        assert (FramingModule(info)(long[None])[0].int() - frame(long, info).int()).abs().max() <= 1


def test_grey_images_and_batches_are_framed():
    """Each image of a batch as if it were alone; the fill is that of the channel."""
    info = DataInfo(1, 32, 32, ("a", "b"), (0.2,), (1.0,), framing=Framing("pad", "bicubic", 1.0))
    images = torch.stack([photo(seed, 60)[:1, :50] for seed in range(3)])
    made = FramingModule(info)(images)
    for image, framed in zip(images, made, strict=True):
        assert torch.equal(framed, frame(image, info))
    assert made[0, 0, 0, 0] == 51


def test_framing_of_images_without_one_is_that_of_files():
    """A model whose images all have its size frames files by cropping, and so does its graph."""
    info = DataInfo(3, 32, 32, ("a", "b"), (0.2, 0.5, 0.9), (1.0,) * 3)
    image = photo(5, 90)[:, :70]
    assert (FramingModule(info)(image[None])[0].int() - frame(image, info).int()).abs().max() <= 1
