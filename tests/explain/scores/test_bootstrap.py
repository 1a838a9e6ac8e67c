"""Intervals: of the known width, of paired differences, and the same each time."""

from __future__ import annotations

import pytest
import torch

from cvkit.explain.scores.bootstrap import bootstrap


def test_interval_is_about_two_standard_errors_wide():
    """For many values of a normal distribution the percentile bootstrap agrees with theory."""
    values = torch.randn(400, 1, generator=torch.Generator().manual_seed(0))
    (estimate,) = bootstrap(values)
    error = float(values.std()) / 20
    assert estimate.n == 400
    assert estimate.mean == pytest.approx(float(values.mean()))
    assert estimate.low == pytest.approx(estimate.mean - 1.96 * error, abs=0.2 * error)
    assert estimate.high == pytest.approx(estimate.mean + 1.96 * error, abs=0.2 * error)


def test_intervals_cover_the_truth_about_19_times_in_20():
    """Over 200 samples of 60 coin tosses."""
    tosses = torch.rand(60, 200, generator=torch.Generator().manual_seed(1)).lt(0.3)
    covered = sum(estimate.low <= 0.3 <= estimate.high for estimate in bootstrap(tosses))
    assert 180 <= covered <= 199


def test_pairing_sees_a_small_difference_between_noisy_values():
    """Two maps that vary together: their own intervals overlap, that of the difference excludes zero."""
    noise = torch.randn(100, generator=torch.Generator().manual_seed(2))
    better = noise + 0.1 + 0.05 * torch.randn(100, generator=torch.Generator().manual_seed(3))
    first, second = bootstrap(torch.stack([better, noise], dim=1))
    (difference,) = bootstrap((better - noise)[:, None])
    assert first.low < second.high
    assert difference.low > 0


def test_bootstrap_is_the_same_each_time():
    """Its draws are seeded, and the global generators are left alone."""
    values = torch.arange(10.0)[:, None]
    state = torch.get_rng_state()
    assert bootstrap(values) == bootstrap(values)
    assert torch.equal(state, torch.get_rng_state())
