"""The paired bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from cvkit.comparison.resampling import RESAMPLES, Resampled, draws, mean_difference, resample


@pytest.fixture(scope="module")
def losses():
    generator = torch.Generator().manual_seed(0)
    first = torch.rand(400, generator=generator, dtype=torch.float64)
    return first, first + 0.1 * torch.randn(400, generator=generator, dtype=torch.float64) - 0.02


def test_interval_is_that_of_scipy(losses):
    """Percentiles of the mean of the paired differences; the draws differ, so the ends do a little."""
    first, second = losses
    found = resample(400, mean_difference(first, second)).interval()
    expected = stats.bootstrap(((second - first).numpy(),), np.mean, method="percentile", rng=0).confidence_interval
    assert found == pytest.approx(tuple(expected), abs=5e-4)


def test_draws_repeat_and_count_every_image(losses):
    """The same number of images has the same draws, whatever is compared."""
    first, second = (torch.cat([*draws(400)]) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (RESAMPLES, 400)
    assert (first.sum(dim=1) == 400).all()


def test_p_values_are_small_for_a_real_difference_only(losses):
    """A difference of two standard errors and more is found; it is not equivalent within less than its size."""
    first, second = losses
    found = resample(400, mean_difference(first, second))
    assert found.p_value < 0.05
    assert found.equivalence_p_value(0.01) > 0.5
    assert found.equivalence_p_value(0.1) < 0.01
    assert resample(400, mean_difference(first, first)).p_value == 1.0
    assert found.images_needed(-0.02, 400) == pytest.approx(400 * found.variance * 7.849 / 0.0004, rel=0.01)


@pytest.mark.parametrize("beyond", range(46, 54))
def test_interval_excludes_zero_exactly_if_the_p_value_is_below_five_percent(beyond):
    """Also if the fiftieth of 2,000 draws decides, where a quantile between two draws would not agree."""
    differences = torch.arange(2_000, dtype=torch.float64) + 0.99 - beyond
    found = Resampled(differences[torch.randperm(2_000, generator=torch.Generator().manual_seed(beyond))])
    assert int((found.differences <= 0).sum()) == beyond
    assert (found.interval()[0] > 0) == (found.p_value < 0.05)
    assert (Resampled(-found.differences).interval()[1] < 0) == (found.p_value < 0.05)


def test_narrow_interval_agrees_with_equivalence():
    """The 90 % interval is within the margin exactly if both one-sided tests are below 5 %."""
    generator = torch.Generator().manual_seed(0)
    found = Resampled(torch.randn(2_000, generator=generator, dtype=torch.float64))
    widest = max(map(abs, found.interval(0.9)))
    assert found.equivalence_p_value(widest + 1e-9) < 0.05 < found.equivalence_p_value(widest - 1e-9)
