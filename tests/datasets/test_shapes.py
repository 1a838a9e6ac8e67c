"""`shapes`: any image reproducible on its own, exact masks, and a task worth training on."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from cvkit_datasets.draws import Draws
from cvkit_datasets.outlines import OUTLINES
from cvkit_datasets.painting import SIDE, paint
from cvkit_datasets.shapes import draw_split, shapes

KEY = 123_456_789


@pytest.fixture(scope="module")
def painted():
    """Two thousand images, labels and masks, painted together."""
    return paint(KEY, np.arange(2_000))


def test_shapes_has_the_layout_of_a_data_set(tmp_path):
    """uint8 images, int64 labels, bool masks, ten classes in equal shares, nothing written."""
    both = shapes(tmp_path, train_size=300, test_size=100)
    assert both.train.images.shape == (300, 3, 32, 32)
    assert (both.train.images.dtype, both.train.labels.dtype) == (torch.uint8, torch.int64)
    assert (both.train.masks.dtype, both.train.masks.shape) == (torch.bool, (300, 32, 32))
    assert both.test.labels.bincount().tolist() == [10] * 10
    assert both.info.num_classes == 10
    assert not list(tmp_path.iterdir())


def test_statistics_are_the_training_images(tmp_path):
    """Mean and standard deviation per channel are measured, not assumed."""
    both = shapes(tmp_path, train_size=200, test_size=10)
    scaled = both.train.images.double().div(255).transpose(0, 1).flatten(1)
    torch.testing.assert_close(torch.tensor(both.info.mean).double(), scaled.mean(1), atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.tensor(both.info.std).double(), scaled.std(1, correction=0), atol=1e-6, rtol=0)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 15, 16, 17, 64, 257, 1_000])
def test_image_is_the_same_alone_and_in_any_company(painted, count):
    """Bit for bit, whatever the batch, its size and its order."""
    chosen = np.random.default_rng(count).permutation(2_000)[:count]
    for part, whole in zip(paint(KEY, chosen), painted, strict=True):
        assert np.array_equal(part, whole[chosen])


def test_size_only_says_how_many_are_drawn():
    """A larger set begins with the smaller one, across the chunks it is painted in."""
    small, large = draw_split("train", 300, 7), draw_split("train", 600, 7)
    assert torch.equal(small.images, large.images[:300])
    assert torch.equal(small.masks, large.masks[:300])


def test_halves_and_seeds_share_no_image(tmp_path):
    """Training and test images are different ones, and another seed gives others still."""
    both, other = (
        shapes(tmp_path, train_size=500, test_size=500),
        shapes(tmp_path, train_size=500, test_size=1, seed=1),
    )
    seen = [image.numpy().tobytes() for split in (both.train, both.test, other.train) for image in split.images]
    assert len(set(seen)) == 1_500
    assert both.digest != other.digest


def test_pixels_are_those_of_this_version(painted):
    """The images of version 1 never change, on any machine; whoever changes one raises the version."""
    digest = hashlib.sha256()
    for part in painted:
        digest.update(np.ascontiguousarray(part[:200]))
    assert digest.hexdigest() == "5cc2a26514bc6f7f243e291678cdbef47ee657168f763e3a9d7f0fac1099528f"


@pytest.mark.parametrize("outline", OUTLINES, ids=lambda outline: outline.name)
def test_outline_has_the_area_and_reach_it_says(outline):
    """Measured on a fine grid: areas make objects equally large, the reach keeps them inside the image."""
    axis = (np.arange(1_000, dtype=np.float32) + 0.5) / 1_000 * 3 - 1.5
    x, y = np.meshgrid(axis, axis)
    inside = outline.distance(x, y) < 0
    assert inside.mean() * 9 == pytest.approx(outline.area, rel=0.01)
    assert outline.reach - 0.01 < np.hypot(x, y)[inside].max() <= outline.reach


def test_mask_is_where_the_object_is(painted):
    """Inside the mask, away from the edge, pixels have one colour but for the noise; outside they have others."""
    images, _, masks = painted
    inner = masks
    for axis in (1, 2):
        inner = inner & np.roll(inner, 1, axis) & np.roll(inner, -1, axis)
    for image, mask, core in zip(images[:200], masks, inner, strict=False):
        colour = np.median(image[:, core], axis=1)[:, None]
        assert np.abs(image[:, core] - colour).max() <= 32
        assert np.abs(image[:, ~mask] - colour).sum(axis=0).mean() > 60


def test_objects_are_small_and_off_the_centre(painted):
    """So that looking at the middle, or anywhere, is a weak baseline for explanations."""
    _, labels, masks = painted
    assert 0.09 < masks.mean() < 0.13
    assert 0.2 < masks[:, SIDE // 2, SIDE // 2].mean() < 0.32
    shares = [masks[labels == label].mean() for label in range(10)]
    assert max(shares) - min(shares) < 0.015


def test_draws_are_uniform_and_independent():
    """Neighbouring indices, neighbouring counters and other keys share nothing that shows."""
    drawn = Draws(KEY, np.arange(4_000))(16)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert np.abs(drawn.mean(axis=0) - 0.5).max() < 0.02
    others = np.concatenate([drawn[1:], Draws(KEY + 1, np.arange(3_999))(16)], axis=1)
    correlation = np.corrcoef(np.concatenate([drawn[:-1], others], axis=1), rowvar=False)
    assert np.abs(correlation - np.eye(len(correlation))).max() < 0.08
