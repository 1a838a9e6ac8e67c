"""JPEG photos that are decoded at a reduced size give nearly the pixels of a full decoding, and the same crops."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvkit import KINDS, Component, ComponentFailure, DataInfo, Framing, Origin, read_image
from cvkit.data.reduction import needed_for_framing, read_photo
from cvkit.data.resizing import FramedSplit, frame
from cvkit.data.sample_augmentation import SampleAugmentations
from cvkit.host.discovery import discover
from cvkit.host.registry import Entry
from cvkit_datasets.file_split import FileSplit
from cvkit_torchvision.crops import random_resized_crop, resize_random_crop

SIDE = 24


def info(mode="crop", decode="draft", interpolation="bilinear") -> DataInfo:
    return DataInfo(3, SIDE, SIDE, ("a", "b"), (0.5,) * 3, (0.2,) * 3, Framing(mode, interpolation, 0.875, decode))


def scene(height: int, width: int) -> Image.Image:
    """A random picture with the spectrum of photos: amplitudes fall as 1 / frequency."""
    draws = np.random.default_rng(height * width)
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequencies[0, 0] = 1
    planes = []
    for _ in range(3):
        waves = draws.normal(size=frequencies.shape) + 1j * draws.normal(size=frequencies.shape)
        plane = np.fft.irfft2(waves / frequencies, (height, width))
        planes.append(128 + 50 * (plane - plane.mean()) / plane.std())
    return Image.fromarray(np.stack(planes, -1).clip(0, 255).astype(np.uint8))


def saved(path: Path, height: int, width: int, turned: int = 1, **options) -> Path:
    exif = Image.Exif()
    exif[0x0112] = turned
    scene(height, width).save(path, exif=exif, quality=90, **options)
    return path


def split_of(*files: Path) -> FileSplit:
    return FileSplit(tuple(file.name for file in files), files, (0,) * len(files), 3, 16, None)


def difference(one: torch.Tensor, other: torch.Tensor) -> tuple[float, int]:
    """The mean and the highest absolute difference of two uint8 images."""
    apart = (one.int() - other.int()).abs()
    return float(apart.float().mean()), int(apart.max())


@pytest.mark.parametrize(
    ("size", "factor"),
    [((54, 54), 1), ((107, 300), 1), ((108, 150), 2), ((216, 432), 4), ((500, 431), 4), ((432, 2000), 8)],
)
def test_photo_is_reduced_as_far_as_twice_the_framed_size_remains(tmp_path, size, factor):
    """The shorter side becomes 27 pixels before the centre of 24 is cut out, so 54 have to remain."""
    photo = read_photo(split_of(saved(tmp_path / "a.jpg", *size)), 0, needed_for_framing(info()))
    assert photo.size == size
    assert tuple(photo.image.shape[1:]) == tuple(math.ceil(side / factor) for side in size)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("mode", ["crop", "pad", "squash"])
@pytest.mark.parametrize(("size", "turned"), [((433, 577), 1), ((250, 431), 6), ((1000, 333), 3), ((301, 299), 5)])
def test_framed_pixels_are_nearly_those_of_a_full_decoding(tmp_path, size, turned, mode, interpolation):
    """The bound that the documentation states; a window of another size or place would miss it by far."""
    split = split_of(saved(tmp_path / "a.jpg", *size, turned))
    full, draft = (FramedSplit(split, info(mode, decode, interpolation))[0][0] for decode in ("full", "draft"))
    mean, most = difference(full, draft)
    assert 0 < mean < 4, "the photo was not reduced, or its pixels differ"
    assert most < 32
    assert mean < difference(full, full.roll(1, dims=2))[0] / 4


@pytest.mark.parametrize("ending", ["png", "webp", "bmp"])
def test_other_formats_are_decoded_in_full(tmp_path, ending):
    """Their libraries have no reduced decoding."""
    split = split_of(saved(tmp_path / f"a.{ending}", 500, 500))
    assert torch.equal(FramedSplit(split, info())[0][0], FramedSplit(split, info(decode="full"))[0][0])


def test_grey_and_multi_picture_jpegs_are_reduced(tmp_path):
    """Phones write several pictures into one JPEG file."""
    scene(400, 400).convert("L").save(tmp_path / "grey.jpg")
    scene(400, 400).save(tmp_path / "two.jpg", format="MPO", save_all=True, append_images=[scene(40, 40)])
    for name in ("grey.jpg", "two.jpg"):
        assert read_image(tmp_path / name, 3, needed=lambda height, width: (100, 100)).shape == (3, 100, 100)


def test_nothing_is_reduced_without_the_setting(tmp_path):
    """The pixels of existing runs stay what they are."""
    assert needed_for_framing(info(decode="full")) is None
    split = split_of(saved(tmp_path / "a.jpg", 500, 500))
    assert torch.equal(FramedSplit(split, info(decode="full"))[0][0], frame(split[0][0], info(decode="full")))


CROPS = {
    "random_resized_crop": lambda info: random_resized_crop(info),
    "random_resized_crop, small": lambda info: random_resized_crop(info, scale=(0.08, 0.2)),
    "resize_random_crop": lambda info: resize_random_crop(info),
}


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize(("size", "turned"), [((600, 800), 1), ((700, 411), 6)])
def test_reduced_photos_have_the_crops_of_the_full_ones(tmp_path, size, turned, crop):
    """The draws are those of the photo's own size, so a crop shows the same part, within half a pixel of it."""
    split = split_of(saved(tmp_path / "a.jpg", *size, turned))
    full, draft = info(decode="full"), info()
    entry = discover()["augmentations"].find(crop.partition(",")[0])
    whole, reduced = (SampleAugmentations([(entry, CROPS[crop](each))], each) for each in (full, draft))
    assert whole.needed is None
    photo = read_photo(split, 0, reduced.needed)
    related, unrelated = [], []
    for index in range(20):
        expected = whole(split[0][0], 7, index)
        related.append(difference(expected, reduced(photo.image, 7, index, photo.size))[0])
        unrelated.append(difference(expected, reduced(photo.image, 8, index, photo.size))[0])
    assert max(related) < 10
    assert sum(related) < sum(unrelated) / 4, (related, unrelated)


@pytest.mark.parametrize("crop", CROPS)
@pytest.mark.parametrize("size", [(600, 800), (311, 700), (1600, 100), (100, 1600), (30, 40), (24, 24)])
def test_no_crop_of_a_reduced_photo_is_enlarged_more_than_that_of_the_full_one(crop, size):
    """Whatever is drawn: the smallest size that `needed` allows still has the input's pixels in each crop."""
    made = CROPS[crop](info())
    needed = made.needed(*size)
    least = min(side / part for side, part in zip(size, needed, strict=True))
    if crop.startswith("resize"):
        assert made._step(size) >= least * 0.999
        return
    for seed in range(300):
        torch.manual_seed(seed)
        drawn = made.make_params([torch.empty((1, *size), device="meta")])
        for part, wanted in zip((drawn["height"], drawn["width"]), (SIDE, SIDE), strict=True):
            assert part + 1 >= wanted * least


def test_only_a_crop_that_comes_first_lets_photos_be_reduced():
    """Another augmentation needs each pixel of the file."""
    known = discover()["augmentations"]
    crop = (known.find("random_resized_crop"), random_resized_crop(info()))
    other = (known.find("color_jitter"), lambda image: image)
    assert SampleAugmentations([crop, other], info()).needed is not None
    assert SampleAugmentations([other, crop], info()).needed is None
    assert SampleAugmentations([], info()).needed is None


class BrokenCrop:
    """A crop of a plugin whose `needed` returns `sides` or fails."""

    def __init__(self, sides: object) -> None:
        self.sides = sides

    def needed(self, height: int, width: int) -> object:
        return self.sides[0] if self.sides == () else self.sides

    def __call__(self, image: torch.Tensor, size: tuple[int, int] | None = None) -> torch.Tensor:
        return image


@pytest.mark.parametrize("sides", [(), None, (24,), (24, 0), (24.0, 24.0)])
def test_crop_that_does_not_tell_what_it_needs_is_named_instead_of_the_photo(tmp_path, wording, sides):
    """The photo is good."""
    entry = Entry(KINDS["augmentations"], Component("crop", "acme:crop"), Origin("acme", "acme-crops", "1.0"))
    needed = SampleAugmentations([(entry, BrokenCrop(sides))], info()).needed
    with pytest.raises(ComponentFailure) as error:
        read_photo(split_of(saved(tmp_path / "a.jpg", 100, 80)), 0, needed)
    assert str(error.value) == wording
