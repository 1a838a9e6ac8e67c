"""Student's t distribution, for the interval of a mean.

Source: Abramowitz and Stegun 1964, Handbook of Mathematical Functions, 26.7.3 and 26.7.4, which are exact for whole
degrees of freedom. No dependency of cvkit has the distribution.
"""

from __future__ import annotations

import math

LEVEL = 0.95
"""The level of the intervals."""


def interval_half_width(deviation: float, count: int) -> float:
    """Return half the width of the `LEVEL` interval of a mean of `count` values, at least 2.

    `deviation` is their standard deviation with n - 1 in the denominator. The formula is ``t * s / sqrt(n)`` with
    n - 1 degrees of freedom; it assumes that the values are normally distributed.
    """
    return t_quantile(LEVEL, count - 1) * deviation / math.sqrt(count)


def t_quantile(level: float, freedom: int) -> float:
    """Return the t for which ``P(|T| < t) = level``, with `level` in (0, 1) and at least 1 degree of freedom."""
    low, high = 0.0, 1.0
    while central_probability(high, freedom) < level:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if central_probability(middle, freedom) < level else (low, middle)
    return high


def central_probability(t: float, freedom: int) -> float:
    """Return ``P(|T| < t)`` for t of at least 0 and `freedom` degrees of freedom."""
    angle = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = freedom % 2 == 1
    term = total = (cosine if odd else 1.0) if freedom > 1 else 0.0
    for k in range(3 if odd else 2, freedom - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
