"""Tests of two models on the same images, compared with scipy and with the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from cvkit.engine.paired import Disagreement

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


@pytest.mark.parametrize(("broken", "fixed", "n"), [*COUNTS, (5, 1, 6), (0, 10, 10), (1, 0, 5)])
def test_interval_is_that_of_the_melded_distributions(broken, fixed, n):
    """Drawn as Fay and Lumbard define it: products of beta variables, whose integral cvkit computes."""
    generator, disagree = np.random.default_rng(0), fixed + broken

    def drawn(hits: int, others: int) -> np.ndarray:
        return generator.beta(hits, others, 400_000) if hits and others else np.full(1, float(not others))

    shares = drawn(disagree, n - disagree + 1), drawn(disagree + 1, n - disagree)
    parts = drawn(fixed, broken + 1), drawn(fixed + 1, broken)
    low = min(np.quantile(share * (2 * parts[0] - 1), 0.025) for share in shares)
    high = max(np.quantile(share * (2 * parts[1] - 1), 0.975) for share in shares)
    assert Disagreement(fixed, broken, n).interval() == pytest.approx((low, high), abs=4e-3)


@pytest.mark.parametrize("n", [7, 100, 10_000])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_interval_excludes_zero_exactly_if_the_test_finds_a_difference(n, confidence):
    """A sentence with both never contradicts itself; 60 fixed and 40 broken images are the usual trap."""
    largest = min(n, 100)
    disagreements = [
        (fixed, m - fixed) for m in (1, 5, 6, 7, 40, 100) if m <= largest for fixed in range(m // 2, m + 1)
    ]
    for fixed, broken in disagreements:
        found = Disagreement(fixed, broken, n)
        if abs(found.p_value - (1 - confidence)) < 0.03:
            low, high = found.interval(confidence)
            assert (low > 0 or high < 0) == (found.p_value < 1 - confidence), (fixed, broken)


@pytest.mark.parametrize(
    ("share", "part"), [(0.05, 0.5), (0.2, 0.8), (0.9, 0.5), (0.9, 0.95), (1.0, 0.7), (0.4, 1.0)]
)
def test_interval_contains_the_true_difference_often_enough(share, part):
    """Of all possible test sets of twelve images, each end misses it with a probability of at most 2.5 %."""
    n, true = 12, share * (2 * part - 1)
    chances = [share * part, share * (1 - part), 1 - share]
    missed = [0.0, 0.0]
    for fixed in range(n + 1):
        for broken in range(n + 1 - fixed):
            chance = float(stats.multinomial.pmf([fixed, broken, n - fixed - broken], n, chances))
            if chance > 1e-6:
                low, high = Disagreement(fixed, broken, n).interval()
                missed[0] += chance * (low > true)
                missed[1] += chance * (high < true)
    assert max(missed) <= 0.025


def test_interval_of_equal_predictions_has_a_width():
    """That ten images are predicted alike does not show that all images are; a bootstrap would have width 0."""
    few, many = Disagreement(0, 0, 10), Disagreement(0, 0, 10_000)
    assert few.interval() == pytest.approx((-(1 - 0.025**0.1), 1 - 0.025**0.1))
    assert few.equivalence_p_value(0.005) > 0.05
    assert many.equivalence_p_value(0.005) == pytest.approx(0.995**10_000)


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


def test_more_images_are_needed_for_several_comparisons():
    """At the level that Holm's correction leaves for the first of four, the test finds the difference as often."""
    found = Disagreement(fixed=70, broken=50, n=1_000)
    needed = found.images_needed(0.05 / 4)
    assert needed > 1.3 * found.images_needed()
    draws = np.random.default_rng(1).multinomial(needed, [0.07, 0.05, 0.88], size=400)
    power = np.mean([4 * Disagreement(int(fixed), int(broken), needed).p_value < 0.05 for fixed, broken, _ in draws])
    assert 0.74 < power < 0.86


def test_no_number_of_images_shows_no_difference():
    """There is no observed difference that more images could show."""
    assert Disagreement(fixed=5, broken=5, n=100).images_needed() is None
