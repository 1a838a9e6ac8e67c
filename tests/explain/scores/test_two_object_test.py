"""Two objects in one image: both whole and apart, and maps that must change sides."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import max_pool2d

from cvkit.explain.scores.two_object_test import Pairs, paired, swapped


def _blocks(*corners, size=16, side=4):
    """Images whose object is a square of its own colour, white 1 for the first and so on, on black."""
    masks = torch.zeros(len(corners), size, size, dtype=torch.bool)
    for mask, (row, column) in zip(masks, corners, strict=True):
        mask[row : row + side, column : column + side] = True
    colours = torch.arange(1, len(corners) + 1, dtype=torch.uint8)[:, None, None, None]
    return masks[:, None] * colours, masks


def test_paired_objects_are_whole_and_apart(four_shapes):
    """The second has its own size and lies a sixteenth of the side or more from the first, inside the image."""
    _, test, _ = four_shapes
    pairs = paired(test.images[:100], test.labels[:100], test.masks[:100])
    assert len(pairs) > 80
    first, second = pairs.masks
    near = max_pool2d(first.float()[:, None], 5, stride=1, padding=2)[:, 0] > 0
    assert not (near & second).any()
    assert (pairs.labels[0] != pairs.labels[1]).all()
    sizes = test.masks[:100].sum(dim=(1, 2))
    assert set(second.sum(dim=(1, 2)).tolist()) <= set(sizes.tolist())


def test_paired_lays_the_second_object_as_far_as_fits():
    """From the top left corner to the bottom right one, with its own pixels, on the first image's ground."""
    images, masks = _blocks((0, 0), (5, 6))
    pairs = paired(images, torch.tensor([0, 1]), masks)
    assert (pairs.images[0, 0, :4, :4] == 1).all()
    assert (pairs.images[0, 0, 12:, 12:] == 2).all()
    assert int((pairs.images[0] > 0).sum()) == 32
    assert pairs.masks[1][0, 12:, 12:].all()


def test_paired_leaves_out_what_has_no_room_or_no_partner():
    """Large objects do not fit beside each other, and one of the same class is no partner."""
    images, masks = _blocks((2, 2), (3, 3), side=12)
    assert len(paired(images, torch.tensor([0, 1]), masks)) == 0
    images, masks = _blocks((2, 2), (3, 3))
    assert len(paired(images, torch.tensor([1, 1]), masks)) == 0


def test_paired_leaves_out_empty_masks():
    """An image without an object has none to lay anywhere."""
    images, masks = _blocks((0, 0), (5, 6))
    masks[1] = False
    assert len(paired(images, torch.tensor([0, 1]), masks)) == 0


@pytest.mark.parametrize(("maps", "score"), [("own", 1), ("other", 0), ("first", 0), ("both", 0), ("black", 0)])
def test_swapped_wants_each_map_on_its_own_object(maps, score):
    """A map that stays where it is, on one object or on both, never scores."""
    images, masks = _blocks((0, 0), (10, 10))
    first, second = masks[:1], masks[1:]
    pairs = Pairs(images[:1], (first, second), (torch.tensor([0]), torch.tensor([1])))
    for_first, for_second = {
        "own": (first, second),
        "other": (second, first),
        "first": (first, first),
        "both": (first | second, first | second),
        "black": (first & second, first & second),
    }[maps]
    assert swapped(for_first.float(), for_second.float(), pairs).tolist() == [score]


def test_swapped_does_not_favour_the_larger_object():
    """Even maps, each a little stronger on its own object: both count, though one object is four times larger."""
    first, second = (torch.zeros(1, 16, 16, dtype=torch.bool) for _ in range(2))
    first[:, :8, :8], second[:, 12:, 12:] = True, True
    pairs = Pairs(torch.zeros(1, 1, 16, 16), (first, second), (torch.tensor([0]), torch.tensor([1])))
    assert swapped(1 + 0.1 * first, 1 + 0.1 * second, pairs).tolist() == [1]
