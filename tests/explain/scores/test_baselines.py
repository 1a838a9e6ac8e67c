"""Baselines: maps of the right shape that are the same whatever the model is."""

from __future__ import annotations

import pytest
import torch

from cvkit.explain.scores import BASELINES, pointing_game
from cvkit.explain.scores.blur import blurred


@pytest.fixture
def images():
    return torch.randint(0, 256, (3, 3, 12, 20), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


@pytest.mark.parametrize("name", BASELINES)
def test_baseline_is_an_explainer_that_always_answers_the_same(name, images):
    """One map an image, float32 at its size, in [0, 1], not constant."""
    targets = torch.tensor([0, 1, 2])
    maps = BASELINES[name](images, targets)
    assert maps.shape == (3, 12, 20)
    assert maps.dtype == torch.float32
    assert (maps.amin(), maps.amax()) >= (0, 0.5)
    assert maps.amax() <= 1
    assert torch.equal(maps, BASELINES[name](images, targets))


@pytest.mark.parametrize("name", ["Sobel edges", "blurred contrast"])
def test_baseline_of_a_uniform_image_is_black(name):
    """Neither an edge nor a contrast is in it."""
    assert not BASELINES[name](torch.full((1, 1, 8, 8), 90, dtype=torch.uint8), torch.tensor([0])).any()


def test_random_maps_differ_by_target():
    """So that noise has its chance where two classes are asked for."""
    blank = torch.zeros(2, 1, 4, 4, dtype=torch.uint8)
    first, second = (BASELINES["uniform noise"](blank, torch.full((2,), target)) for target in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("size", [7, 8])
def test_centred_gaussian_points_at_one_pixel(size):
    """Sides of an even number of pixels too: a tie would be no hit."""
    middle = torch.zeros(1, size, size, dtype=torch.bool)
    middle[:, size // 2, size // 2] = True
    maps = BASELINES["centred Gaussian"](torch.zeros(1, 3, size, size, dtype=torch.uint8), torch.tensor([0]))
    assert pointing_game(maps, middle).tolist() == [True]


def test_edges_are_found_where_the_brightness_changes():
    """A vertical border is marked on both its sides, and nowhere else."""
    image = torch.zeros(1, 3, 6, 6, dtype=torch.uint8)
    image[..., 3:] = 200
    row = BASELINES["Sobel edges"](image, torch.tensor([0]))[0, 2].tolist()
    assert row == pytest.approx([0, 0, 1, 1, 0, 0], abs=1e-5)


def test_blur_keeps_the_mean_and_flattens_the_rest():
    """A kernel of sum one; a wide one leaves little of a dot, a narrow one most."""
    dot = torch.zeros(1, 1, 31, 31)
    dot[..., 15, 15] = 1
    narrow, wide = blurred(dot, 0.3), blurred(dot, 4.0)
    assert float(wide.sum()) == pytest.approx(1, abs=1e-4)
    assert float(narrow.amax()) > 0.9 > 0.05 > float(wide.amax())
    assert torch.allclose(wide, wide.transpose(2, 3))
