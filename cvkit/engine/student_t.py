"""Student's t distribution, for intervals and tests of means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import stdev

from scipy.special import stdtr, stdtrit

from .intervals import LEVEL

_MOST_DF = 1e10  # with more, it is the normal distribution to ten digits, and not every scipy accepts infinity


def student_t_above(t: float, df: float) -> float:
    """Return the probability that Student's t with `df` degrees of freedom exceeds `t`; `df` may be infinite."""
    return float(stdtr(min(df, _MOST_DF), -t))


def student_t_quantile(p: float, df: float) -> float:
    """Return the t below which Student's t with `df` degrees of freedom lies with probability `p` in (0, 1)."""
    return float(stdtrit(min(df, _MOST_DF), p))


def half_width_of_mean(values: Sequence[float]) -> float:
    """Return half the width of the `LEVEL` interval of the mean of at least two values: ``t * s / sqrt(n)``.

    s is the standard deviation with n - 1 in the denominator, and t has n - 1 degrees of freedom. The interval
    assumes that the values are a sample of a normal distribution. Source: Student 1908, "The probable error of a
    mean".
    """
    count = len(values)
    return student_t_quantile((1 + LEVEL) / 2, count - 1) * stdev(values) / math.sqrt(count)
