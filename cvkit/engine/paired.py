"""Tests of two models on the same images, each of which is predicted correctly or wrongly by either model.

Only the images on which the models disagree matter: `fixed` images are wrong in the first model and correct in the
second, `broken` images the opposite. The difference of the accuracies is (fixed - broken) / n, the share of images on
which the models disagree times how much more often the second one is right there. McNemar's exact test is about the
second factor. The interval combines exact intervals of both factors. So it excludes 0 exactly if this test finds a
difference; intervals of other kinds, such as Tango's, may not agree with the test.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy.special import betainc, betaln, expit

POWER = 0.8
"""The probability with which a planned comparison should find a difference."""

LEVEL = 0.05
"""The largest probability of an error of the first kind, for all comparisons of a command together."""

_STEPS, _REACH = 2_001, 40  # of the sum in `_at_most`: its terms, and standard deviations to either side
_NEGLIGIBLE = 40  # how much smaller the logarithm of a term is which is left out


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

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of the difference for a confidence in (0, 1).

        It excludes 0 exactly if the p-value is below 1 - confidence.

        Source: Fay and Lumbard 2021, "Confidence intervals for difference in proportions for matched pairs compatible
        with exact McNemar's or sign tests", Statistics in Medicine 40.
        """
        error = (1 - confidence) / 2
        low = _where(lambda difference: self._at_most(difference) > error, -1.0, self.difference)
        high = _where(lambda difference: self._reversed._at_most(-difference) < error, self.difference, 1.0)
        return low, high

    def equivalence_p_value(self, margin: float) -> float:
        """Return the p-value of two one-sided tests that the accuracies differ by at least `margin`, in (0, 1).

        It is below 5 % exactly if the 90 % interval is within the margin. Source: Schuirmann 1987, with the tests of
        Fay and Lumbard 2021.
        """
        return max(self._at_most(-margin), self._reversed._at_most(-margin))

    @property
    def _reversed(self) -> Disagreement:
        """The disagreement of the first model with the second."""
        return Disagreement(self.broken, self.fixed, self.n)

    def _at_most(self, difference: float) -> float:
        """Return the p-value of the test that the difference is at most `difference`, against a larger one.

        It is the probability of ``share * (2 * part - 1) <= difference`` for independent variables. `part`, of the
        disagreements that are fixed, has its lower confidence distribution; `share`, of the images, has its upper one
        if `difference` is negative, and else its lower one. Those of binomial shares are beta distributions (Clopper
        and Pearson 1934). The sum is the trapezoidal rule over the logit of `share`.
        """
        disagree = self.fixed + self.broken
        first, second = (disagree + 1, self.n - disagree) if difference < 0 else (disagree, self.n - disagree + 1)
        if not self.fixed:  # the part is 0, and the share is at least `-difference`
            return float(betainc(second, first, 1 + difference)) if difference < 0 and second else 1.0
        if not second:  # the share is 1
            return float(betainc(self.fixed, self.broken + 1, (1 + difference) / 2))
        spread = math.sqrt(1 / first + 1 / second)  # about that of the logit
        logits = math.log(first / second) + spread * np.linspace(-_REACH, _REACH, _STEPS)
        logs = -first * np.logaddexp(0, -logits) - second * np.logaddexp(0, logits) - betaln(first, second)
        large = logs > logs.max() - _NEGLIGIBLE
        largest_part = np.clip((1 + difference / expit(logits[large])) / 2, 0, 1)
        tails = betainc(self.fixed, self.broken + 1, largest_part)
        return min(1.0, float(np.exp(logs[large]) @ tails) * spread * 2 * _REACH / (_STEPS - 1))

    def images_needed(self, level: float = LEVEL) -> int | None:
        """Return how many images show the observed difference at `level` with `POWER`; None if there is none.

        It assumes that the models disagree on the same share of images. Source: Connor 1987, "Sample size for testing
        differences in proportions for the paired-sample design", Biometrics 43.
        """
        if self.fixed == self.broken:
            return None
        share, normal = (self.fixed + self.broken) / self.n, NormalDist()
        spread = math.sqrt(max(0.0, share - self.difference**2))
        root = normal.inv_cdf(1 - level / 2) * math.sqrt(share) + normal.inv_cdf(POWER) * spread
        return math.ceil((root / self.difference) ** 2)


def _where(is_above: Callable[[float], bool], low: float, high: float) -> float:
    """Return the value between `low` and `high` from which on `is_above`."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return (low + high) / 2
