"""Where a map lies on an object: the pointing game, energy in the mask, and the overlap of the highest pixels."""

from __future__ import annotations

import pytest
import torch

from cvkit.explain.scores import energy_in_mask, on_objects, pointing_game, top_k_iou


def _mask(*pixels, size=4):
    mask = torch.zeros(size, size, dtype=torch.bool)
    for row, column in pixels:
        mask[row, column] = True
    return mask


def _map(*peaks, size=4):
    heat = torch.zeros(size, size)
    for row, column in peaks:
        heat[row, column] = 1.0
    return heat


def test_pointing_game_hits_where_the_maximum_is_on_the_object():
    """A single maximum inside the mask is a hit, outside it is none."""
    maps, masks = torch.stack([_map((1, 1)), _map((3, 3))]), torch.stack([_mask((1, 1), (1, 2))] * 2)
    assert pointing_game(maps, masks).tolist() == [True, False]


def test_pointing_game_counts_a_tie_as_no_hit():
    """A maximum shared by pixels points nowhere, even if all lie on the object; a constant map scores nothing."""
    maps = torch.stack([_map((1, 1), (1, 2)), _map(), torch.full((4, 4), torch.nan)])
    assert pointing_game(maps, torch.stack([_mask((1, 1), (1, 2))] * 3)).tolist() == [False, False, False]


@pytest.mark.parametrize("measure", [pointing_game, energy_in_mask, top_k_iou])
def test_empty_masks_are_skipped(measure):
    """An image without an object counts neither way."""
    maps, masks = torch.stack([_map((0, 0)), _map((1, 1))]), torch.stack([_mask(), _mask((1, 1))])
    assert measure(maps, masks).tolist() == [1]


def test_energy_is_the_share_inside_the_mask():
    """Of what is positive: a negative value neither adds nor takes away."""
    heat = _map((1, 1), (1, 2)) * 3 + _map((3, 3)) * 2 - _map((0, 0)) * 5
    assert energy_in_mask(heat[None], _mask((1, 1), (0, 0))[None]).tolist() == [pytest.approx(3 / 8)]


def test_energy_of_a_black_map_is_zero():
    """Nothing lies on the object where there is nothing."""
    assert energy_in_mask(torch.stack([_map(), -_map((1, 1))]), torch.stack([_mask((1, 1))] * 2)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("peaks", "iou"), [([(1, 1), (1, 2)], 1.0), ([(1, 1), (3, 3)], 1 / 3), ([(0, 0), (3, 3)], 0.0)]
)
def test_top_k_iou_compares_as_many_pixels_as_the_object_has(peaks, iou):
    """With one of two pixels right, three are in the union."""
    assert top_k_iou(_map(*peaks)[None], _mask((1, 1), (1, 2))[None]).tolist() == [pytest.approx(iou)]


def test_top_k_iou_shares_the_last_places_among_ties():
    """A constant map has 2 of 16 pixels to give, an eighth each: a quarter of a pixel inside, as by chance."""
    assert top_k_iou(torch.ones(1, 4, 4), _mask((1, 1), (1, 2))[None]).tolist() == [pytest.approx(0.25 / 3.75)]


def test_on_objects_measures_nothing_where_no_mask_has_an_object():
    """There is nothing to compare."""
    assert on_objects({"grad_cam": _map()[None]}, _mask()[None]) == []
