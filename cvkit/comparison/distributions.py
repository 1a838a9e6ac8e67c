"""The distributions that the tests of a comparison need, without a library that only they would use."""

from __future__ import annotations

import math
from statistics import NormalDist

_TINY, _CLOSE, _TERMS = 1e-300, 1e-15, 1_000


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) for x in [0, 1] and positive a and b.

    Source: the continued fraction of DLMF 8.17.22, evaluated with Lentz's method (Press et al., "Numerical Recipes",
    section 6.4).
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            fraction *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return math.exp(front) * fraction / a


def _away(value: float) -> float:
    """Return a value that is not 0, because Lentz's method divides by it."""
    return value if abs(value) > _TINY else _TINY


def student_t_above(t: float, df: float) -> float:
    """Return the probability that Student's t with `df` degrees of freedom exceeds `t`; `df` may be infinite."""
    if math.isinf(df):
        return NormalDist().cdf(-t)
    tail = incomplete_beta(df / (df + t * t), df / 2, 0.5) / 2
    return tail if t >= 0 else 1 - tail


def student_t_quantile(p: float, df: float) -> float:
    """Return the t below which Student's t with `df` degrees of freedom lies with probability `p` in (0, 1)."""
    if math.isinf(df):
        return NormalDist().inv_cdf(p)
    if p < 0.5:
        return -student_t_quantile(1 - p, df)
    low, high = 0.0, 1.0
    while student_t_above(high, df) > 1 - p:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if student_t_above(middle, df) > 1 - p else (low, middle)
    return (low + high) / 2
