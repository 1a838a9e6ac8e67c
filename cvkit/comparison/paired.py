"""Tests of two models on the same images, each of which is predicted correctly or wrongly by either model.

Only the images on which the models disagree matter: `fixed` images are wrong in the first model and correct in the
second, `broken` images the opposite. The difference of the accuracies is (fixed - broken) / n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

POWER = 0.8
"""The probability with which a planned comparison should find a difference."""

LEVEL = 0.05
"""The largest probability of an error of the first kind, for all comparisons of a command together."""


@dataclass(frozen=True)
class Disagreement:
    """How many of `n` images only the second (`fixed`) or only the first model (`broken`) predicts correctly."""

    fixed: int
    broken: int
    n: int

    @property
    def difference(self) -> float:
        """The accuracy of the second model minus that of the first."""
        return (self.fixed - self.broken) / self.n

    @property
    def p_value(self) -> float:
        """The two-sided p-value of McNemar's exact test that both models have the same accuracy.

        Source: McNemar 1947; the exact form is the sign test, a binomial with probability 1/2. The tail is a sum of
        integers, so it is exact for any number of images.
        """
        trials, fewer = self.fixed + self.broken, min(self.fixed, self.broken)
        term = tail = 1
        for k in range(fewer):
            term = term * (trials - k) // (k + 1)
            tail += term
        return min(1.0, 2 * tail / (1 << trials))

    def score(self, difference: float) -> float:
        """Return Tango's score statistic of the hypothesis that the accuracies differ by `difference`, in (-1, 1).

        It is about standard normal if the hypothesis holds, also if the models hardly disagree. Source: Tango 1998,
        "Equivalence test and confidence interval for the difference in proportions for the paired-sample design",
        Statistics in Medicine 17, equations 7 and 8.
        """
        b, c, n = self.broken, self.fixed, self.n
        linear = (2 * n - c + b) * difference - b - c
        constant = -b * difference * (1 - difference)
        only_first = (math.sqrt(max(0.0, linear * linear - 8 * n * constant)) - linear) / (4 * n)
        variance = n * (2 * only_first + difference * (1 - difference))
        distance = c - b - n * difference
        if variance <= 0:
            return math.copysign(math.inf, distance) if distance else 0.0
        return distance / math.sqrt(variance)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return Tango's score interval of the difference for a confidence in (0, 1)."""
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        return self._where(z, -1.0, self.difference), self._where(-z, self.difference, 1.0)

    def _where(self, z: float, low: float, high: float) -> float:
        """Return the difference between `low` and `high` at which the score, which decreases, is `z`."""
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.score(middle) > z else (low, middle)
        return (low + high) / 2

    def equivalence_p_value(self, margin: float) -> float:
        """Return the p-value of two one-sided tests that the accuracies differ by at least `margin`, in (0, 1).

        Source: Schuirmann 1987, with Tango's score statistic at both ends of the margin.
        """
        normal = NormalDist()
        return max(normal.cdf(-self.score(-margin)), normal.cdf(self.score(margin)))

    def images_needed(self) -> int | None:
        """Return how many images show the observed difference with `POWER`; None if there is no difference.

        It assumes that the models disagree on the same share of images. Source: Connor 1987, "Sample size for testing
        differences in proportions for the paired-sample design", Biometrics 43.
        """
        if self.fixed == self.broken:
            return None
        share, normal = (self.fixed + self.broken) / self.n, NormalDist()
        spread = math.sqrt(max(0.0, share - self.difference**2))
        root = normal.inv_cdf(1 - LEVEL / 2) * math.sqrt(share) + normal.inv_cdf(POWER) * spread
        return math.ceil((root / self.difference) ** 2)
