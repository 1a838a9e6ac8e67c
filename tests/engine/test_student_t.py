"""Student's t, compared with scipy.stats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cvkit.engine.student_t import half_width_of_mean, student_t_above, student_t_quantile


@pytest.mark.parametrize("df", [1.0, 2.7, 4.0, 30.5, 1e5, math.inf])
@pytest.mark.parametrize("t", [-3.0, 0.0, 0.4, 2.8, 40.0])
def test_tail_is_that_of_scipy(t, df):
    """Degrees of freedom need not be whole; with infinitely many, the distribution is the normal one."""
    assert student_t_above(t, df) == pytest.approx(stats.t.sf(t, df), abs=1e-9)


@pytest.mark.parametrize("df", [1.0, 2.0, 3.4, 100.0, math.inf])
@pytest.mark.parametrize("p", [0.025, 0.2, 0.8, 0.975, 0.999])
def test_quantile_is_that_of_scipy(p, df):
    """Quantiles below one half are negative."""
    assert student_t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-7)


@pytest.mark.parametrize("values", [[0.1, 0.2], [0.81, 0.84, 0.79, 0.9], [*range(40)]], ids=["two", "four", "forty"])
def test_interval_of_a_mean_is_that_of_scipy(values):
    """The deviation has n - 1 in the denominator."""
    low, high = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert half_width_of_mean(values) == pytest.approx((high - low) / 2)
