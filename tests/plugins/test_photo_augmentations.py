"""Augmentations of photos see the photo as it is: the whole of it, in its own size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from cvkit import DataInfo, Framing, build_parts, discover, preserved_randomness, seed_everything
from cvkit.data.loading import Reading
from cvkit.engine.building import open_dataset
from cvkit.recipe import read_text, resolve
from cvkit_torchvision.crops import random_resized_crop, resize_random_crop
from cvkit_torchvision.library_transform import library_transform
from cvkit_torchvision.photo_transforms import random_erasing

INFO = DataInfo(3, 32, 48, ("a", "b"), (0.5, 0.25, 1.0), (0.2,) * 3, Framing("crop", "bicubic", 0.8))
RECIPE = """
dataset: {name: image_folder, path: photos, size: 32, framing: crop}
augmentations: [%s]
model: timm/test_resnet
optimizer: {name: sgd, lr: 0.05}
train: {epochs: 1, batch_size: 4, workers: 0, drop_last: false}
explainers: []
"""


@pytest.fixture
def photos(tmp_path):
    """Photos of 16:9, grey, with a red left and a green right edge."""
    pixels = np.full((90, 160, 3), 128, np.uint8)
    pixels[:, :12], pixels[:, -12:] = (255, 0, 0), (0, 255, 0)
    for half in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / "photos" / half / name).mkdir(parents=True)
            for number in range(2):
                Image.fromarray(pixels).save(tmp_path / "photos" / half / name / f"{number}.png")
    return tmp_path


def edges(images: torch.Tensor) -> tuple[int, int]:
    """In how many images (B, 3, H, W) the left edge and the right edge of the photo are seen."""
    red, green, blue = images.unbind(1)
    left, right = ((one > 200) & (other < 50) & (blue < 50) for one, other in ((red, green), (green, red)))
    return tuple(int(seen.flatten(1).any(1).sum()) for seen in (left, right))


@pytest.mark.parametrize("name", ["random_resized_crop", "resize_random_crop"])
def test_crop_sees_the_whole_photo(photos, name):
    """Of 320 training views, many show the left edge and many the right; the framed photo shows neither."""
    recipe = resolve(read_text(RECIPE % name), discover())
    parts = build_parts(recipe, open_dataset(recipe, photos))
    order = torch.arange(4)
    views = torch.cat([next(parts.train_source.batches(Reading(order, 4, seed))).images for seed in range(80)])
    assert views.shape == (320, 3, 32, 32)
    left, right = edges(views)
    assert (left > 40, right > 40) == (True, True), (left, right)
    (framed,) = (batch.images for batch in parts.sources["test"].batches(Reading(order, 4)))
    assert edges(framed) == (0, 0)


def test_crop_after_resizing_keeps_the_scale_of_an_evaluation():
    """On a photo whose columns count its pixels, the crop spans as many of them as the centre crop does."""
    photo = torch.arange(200, dtype=torch.uint8).expand(3, 80, 200)
    window = INFO.framing.window((80, 200), (32, 48))
    spans, starts = set(), set()
    for seed in range(40):
        with preserved_randomness():
            seed_everything("test", seed)
            crop = resize_random_crop(INFO)(photo)
        assert crop.shape == (3, 32, 48)
        spans.add(int(crop[0, 0, -1]) - int(crop[0, 0, 0]))
        starts.add(int(crop[0, 0, 0]))
    expected = 47 * 200 / window.width
    assert max(abs(span - expected) for span in spans) <= 2
    assert min(starts) < 15
    assert max(starts) > 200 - expected - 15


def test_crop_resizes_as_the_framing_does():
    """Unless the recipe says otherwise."""
    assert random_resized_crop(INFO).interpolation is v2.InterpolationMode.BICUBIC
    assert random_resized_crop(INFO, interpolation="nearest").interpolation is v2.InterpolationMode.NEAREST
    assert random_resized_crop(replace(INFO, framing=None)).interpolation is v2.InterpolationMode.BILINEAR
    assert resize_random_crop(INFO).share == 0.8
    assert resize_random_crop(INFO, crop_pct=0.5).share == 0.5


def test_erased_rectangle_has_the_mean_colour():
    """Black would be a colour that no photo has there."""
    erased = random_erasing(INFO, p=1.0)(torch.zeros(3, 64, 64, dtype=torch.uint8))
    colours = {tuple(pixel) for pixel in erased.flatten(1).T.tolist()}
    assert colours == {(0, 0, 0), (128, 64, 255)}


@pytest.mark.parametrize(
    ("factory", "options"),
    [
        (random_resized_crop, {"scale": (0.9, 0.2)}),
        (random_resized_crop, {"ratio": (2.0, 1.0)}),
        (random_erasing, {"scale": (0.4, 0.2)}),
    ],
    ids=["scale", "ratio", "erasing"],
)
def test_range_that_is_reversed_is_refused(factory, options, wording):
    """torchvision would warn, and fail at the first image."""
    with pytest.raises(ValueError, match="above the highest") as caught:
        factory(INFO, **options)
    assert str(caught.value) == wording


def test_transform_may_change_the_size_of_photos():
    """The framing brings any size to the model's; without one it is refused."""
    options = {"degrees": [40, 50], "expand": True}
    rotated = library_transform("RandomRotation", INFO, **options)(torch.zeros(3, 50, 60, dtype=torch.uint8))
    assert rotated.shape[1] > 60
    with pytest.raises(ValueError, match="must keep shape and type"):
        library_transform("RandomRotation", replace(INFO, framing=None), **options)


def test_crop_without_resizing_pads_photos_that_are_smaller():
    """One small photo does not end a run."""
    small = torch.full((3, 10, 12), 7, dtype=torch.uint8)
    assert library_transform("RandomCrop", INFO)(small).shape == (3, 32, 48)
