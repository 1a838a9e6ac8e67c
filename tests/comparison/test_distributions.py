"""Student's t, compared with scipy."""

from __future__ import annotations

import math

import pytest
from scipy import special, stats

from cvkit.comparison.distributions import incomplete_beta, student_t_above, student_t_quantile


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2.0, 0.5), (4.3, 7.1), (500.0, 0.5), (1.0, 1.0)])
@pytest.mark.parametrize("x", [0.0, 1e-9, 0.1, 0.5, 0.97, 1.0])
def test_incomplete_beta_is_that_of_scipy(a, b, x):
    """On both sides of the point at which the fraction is turned over."""
    assert incomplete_beta(x, a, b) == pytest.approx(special.betainc(a, b, x), abs=1e-12)


@pytest.mark.parametrize("df", [1.0, 2.7, 4.0, 30.5, 1e5])
@pytest.mark.parametrize("t", [-3.0, 0.0, 0.4, 2.8, 40.0])
def test_tail_is_that_of_scipy(t, df):
    """Degrees of freedom need not be whole."""
    assert student_t_above(t, df) == pytest.approx(stats.t.sf(t, df), abs=1e-9)


@pytest.mark.parametrize("df", [1.0, 3.4, 100.0, math.inf])
@pytest.mark.parametrize("p", [0.025, 0.2, 0.8, 0.975, 0.999])
def test_quantile_is_that_of_scipy(p, df):
    """With infinite degrees of freedom it is that of the normal distribution."""
    assert student_t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-7)
