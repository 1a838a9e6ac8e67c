"""Tests of two models on the same images, compared with scipy and with the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from cvkit.comparison.paired import Disagreement

COUNTS = [(3, 9, 100), (9, 3, 100), (0, 5, 40), (0, 0, 30), (120, 161, 2_000)]


@pytest.mark.parametrize(("broken", "fixed", "n"), [*COUNTS, (1_200, 1_301, 50_000)])
def test_p_value_is_the_exact_binomial(broken, fixed, n):
    """McNemar's exact test is the two-sided sign test of the images on which the models disagree."""
    expected = stats.binomtest(fixed, fixed + broken).pvalue if fixed + broken else 1.0
    assert Disagreement(fixed, broken, n).p_value == pytest.approx(expected, rel=1e-9)


def test_p_value_of_many_images_is_not_zero():
    """The tail is exact where a sum of floating-point probabilities would be 0 or 1."""
    found = Disagreement(fixed=1_500, broken=300, n=50_000).p_value
    assert 0 < found < 1e-150
    assert math.log(found) == pytest.approx(math.log(2) + stats.binom.logcdf(300, 1_800, 0.5), rel=1e-9)


@pytest.mark.parametrize(("broken", "fixed", "n"), COUNTS)
@pytest.mark.parametrize("difference", [-0.3, -0.02, 0.05, 0.4])
def test_score_is_that_of_the_constrained_likelihood(broken, fixed, n, difference):
    """Tango's statistic divides by the variance at the most likely shares with this difference, found numerically."""

    def unlikely(only_first: float) -> float:
        only_second = only_first + difference
        agree = 1 - only_first - only_second
        parts = [(broken, only_first), (fixed, only_second), (n - broken - fixed, agree)]
        return -sum(count * math.log(max(share, 1e-300)) for count, share in parts if count)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    only_first = optimize.minimize_scalar(unlikely, bounds=bounds, options={"xatol": 1e-12}).x
    variance = (2 * only_first + difference - difference**2) / n
    expected = ((fixed - broken) / n - difference) / math.sqrt(variance)
    assert Disagreement(fixed, broken, n).score(difference) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("broken", "fixed", "n"), COUNTS)
def test_interval_contains_what_the_score_does_not_reject(broken, fixed, n):
    """Its ends are the differences that the test at the same level just rejects, with the smaller one first."""
    found = Disagreement(fixed, broken, n)
    low, high = found.interval()
    assert low < found.difference < high
    assert [found.score(low), found.score(high)] == pytest.approx([1.95996, -1.95996], abs=1e-3)


def test_interval_of_equal_predictions_has_a_width():
    """That ten images are predicted alike does not show that all images are; a bootstrap would have width 0."""
    few, many = Disagreement(0, 0, 10), Disagreement(0, 0, 10_000)
    assert few.interval() == pytest.approx((-0.2775, 0.2775), abs=1e-3)
    assert few.equivalence_p_value(0.005) > 0.05
    assert many.equivalence_p_value(0.005) < 1e-6


def test_equivalence_agrees_with_the_narrow_interval():
    """Two one-sided tests at 5 % accept exactly the margins that contain the 90 % interval."""
    found = Disagreement(fixed=60, broken=50, n=5_000)
    widest = max(map(abs, found.interval(0.9)))
    assert found.equivalence_p_value(widest * 1.001) < 0.05 < found.equivalence_p_value(widest * 0.999)


def test_images_needed_find_the_difference_with_the_power():
    """Simulated pairs of that many images: the test finds the difference in about 80 of 100."""
    needed = Disagreement(fixed=70, broken=50, n=1_000).images_needed()
    draws = np.random.default_rng(0).multinomial(needed, [0.07, 0.05, 0.88], size=400)
    found = [Disagreement(int(fixed), int(broken), needed).p_value < 0.05 for fixed, broken, _ in draws]
    assert 0.74 < np.mean(found) < 0.86


def test_no_number_of_images_shows_no_difference():
    """There is no observed difference that more images could show."""
    assert Disagreement(fixed=5, broken=5, n=100).images_needed() is None
