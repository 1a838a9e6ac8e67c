"""The pointing game and its baselines."""

from __future__ import annotations

import pytest
import torch

from cvkit.diagnostics import centre_rate, pointing_game, pointing_table, random_rate, wilson


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


def test_pointing_game_skips_empty_masks():
    """An image without an object counts neither way."""
    maps, masks = torch.stack([_map((0, 0)), _map((1, 1))]), torch.stack([_mask(), _mask((1, 1))])
    assert pointing_game(maps, masks).tolist() == [True]


def test_random_rate_is_the_mean_area():
    """A random pixel hits with the mask's share of the image; empty masks do not count."""
    masks = torch.stack([_mask((0, 0)), _mask((0, 0), (0, 1), (2, 2)), _mask()])
    assert random_rate(masks) == pytest.approx((1 / 16 + 3 / 16) / 2)


@pytest.mark.parametrize(("size", "pixels", "rate"), [(4, [(1, 1)], 0.25), (4, [(0, 0)], 0.0), (5, [(2, 2)], 1.0)])
def test_centre_rate_is_the_share_of_the_middle_on_the_object(size, pixels, rate):
    """Even sides have two middle pixels, odd ones one."""
    assert centre_rate(_mask(*pixels, size=size)[None]) == rate


@pytest.mark.parametrize(
    ("hits", "n", "interval"),
    [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0)), (81, 263, (0.2553, 0.3662))],
)
def test_wilson_gives_known_intervals(hits, n, interval):
    """Equal to published values; the last is Newcombe's example (1998)."""
    assert wilson(hits, n) == pytest.approx(interval, abs=5e-5)


def test_wilson_of_nothing_is_everything():
    """Without an image the rate may be anything."""
    assert wilson(0, 0) == (0.0, 1.0)


def test_pointing_table_sets_a_rate_beside_both_baselines():
    """Explainers first, then the baselines, each with the images that count; the random one is exact."""
    masks = torch.stack([_mask((1, 1))] * 10 + [_mask()])
    hits = pointing_game(torch.stack([_map((1, 1))] * 11), masks)
    table = pointing_table({"grad_cam": hits}, masks)
    assert table.rows == (
        ("grad_cam", "100.0 %", "72.2 to 100.0 %", "10"),
        ("centred Gaussian", "25.0 %", "8.1 to 55.8 %", "10"),
        ("random pixel", "6.2 %", "exact", "10"),
    )


def test_pointing_table_without_a_mask_has_no_rows():
    """Where no image has an object there is nothing to compare."""
    masks = _mask()[None]
    assert pointing_table({"grad_cam": pointing_game(_map()[None], masks)}, masks).rows == ()
