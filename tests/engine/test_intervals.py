"""Intervals of shares: exact for the binomial, and for the share above an order statistic."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from cvkit.engine.intervals import Share, between, kept_interval, lower_bounds, upper_bounds


@pytest.mark.parametrize(("hits", "of"), [(0, 5), (5, 5), (1, 1), (3, 40), (950, 1000)])
def test_interval_of_a_share_is_that_of_clopper_and_pearson(hits, of):
    """As scipy's exact binomial test has it, also if no image counts or all do."""
    expected = binomtest(hits, of).proportion_ci(0.95, method="exact")
    share = Share(hits, of)
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert share.value == hits / of


@pytest.mark.parametrize("hits", [0, 1, 38, 40])
def test_bound_is_the_one_sided_interval(hits):
    """With an error of 5 % on one side."""
    below = binomtest(hits, 40, alternative="greater").proportion_ci(0.95, method="exact").low
    above = binomtest(hits, 40, alternative="less").proportion_ci(0.95, method="exact").high
    assert lower_bounds([hits], [40])[0] == pytest.approx(below, abs=1e-12)
    assert upper_bounds([hits], [40])[0] == pytest.approx(above, abs=1e-12)


def test_share_of_no_images_says_nothing():
    """It has no value, and its interval contains everything."""
    share = Share.where(torch.zeros(0, dtype=torch.bool))
    assert math.isnan(share.value)
    assert (share.low, share.high, share.text, share.interval) == (0.0, 1.0, "-", "-")


def test_share_kept_by_an_order_statistic_is_in_its_interval_in_95_percent_of_cases():
    """Of 4,000 samples of 50 uniform numbers, the share above the 40th largest."""
    drawn = np.sort(np.random.default_rng(0).random((4_000, 50)), axis=1)
    kept = 1 - drawn[:, 50 - 40]
    low, high = kept_interval(40, 50)
    assert np.mean((low <= kept) & (kept <= high)) == pytest.approx(0.95, abs=0.015)
    assert kept.mean() == pytest.approx(40 / 51, abs=0.005)


def test_interval_as_text_has_one_unit():
    """The ends are percentages with one decimal."""
    assert between(0.952, 0.98) == "95.2 to 98.0 %"
    assert between(0.0, 1.0) == "0.0 to 100.0 %"
