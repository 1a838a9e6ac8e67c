"""Tests of two recipes, each trained several times with different seeds and evaluated on the same images.

A score varies with the seed of the training and with the choice of the test images. The question is whether the
recipes differ, not whether these trainings do, so seeds are the outer level: the runs of a recipe are a sample of all
its runs, as the images are a sample of all images.

A percentile bootstrap over so few runs does not keep its level (docs/results.md has the measurement): it counts the
interaction of runs and images twice, underestimates the variance over three seeds by a third, and assumes that it is
known. So the variance is estimated from its components, and Student's t accounts for how few runs estimate them.

Few runs may have equal scores by chance, and few images may show no difference. The variance is not 0 then: it is at
least that of runs which predict different images correctly, and that of two more images which differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.paired import LEVEL, POWER
from ..engine.student_t import student_t_above, student_t_quantile

MOST_RUNS = 200
"""The largest number of runs of each recipe that a comparison proposes."""


@dataclass(frozen=True)
class Components:
    """The variance of the difference of two mean scores, by where it comes from.

    Attributes:
        first: The part of the runs of the first recipe, which shrinks with their number; 0 for a single run.
        second: The part of the runs of the second recipe.
        images: The part of the images, which shrinks with their number.
        runs: The number of runs of each recipe.
        n: The number of images.
    """

    first: float
    second: float
    images: float
    runs: tuple[int, int]
    n: int

    @property
    def total(self) -> float:
        """The variance of the difference."""
        return self.first + self.second + self.images

    @property
    def df(self) -> float:
        """The degrees of freedom of `total`, of Welch 1947 and Satterthwaite 1946."""
        parts = [(self.first, self.runs[0] - 1), (self.second, self.runs[1] - 1), (self.images, self.n - 1)]
        spread = sum(value * value / df for value, df in parts if df > 0)
        return self.total**2 / spread if spread > 0 else math.inf


@dataclass(frozen=True)
class Repeated:
    """A difference of two mean scores with its variance."""

    difference: float
    variance: Components

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of Student's t for a confidence in (0, 1)."""
        width = student_t_quantile((1 + confidence) / 2, self.variance.df) * math.sqrt(self.variance.total)
        return self.difference - width, self.difference + width

    @property
    def p_value(self) -> float:
        """The two-sided p-value that both recipes have the same mean score."""
        return min(1.0, 2 * self._above(abs(self.difference)))

    def equivalence_p_value(self, margin: float) -> float:
        """Return the p-value of two one-sided tests that the mean scores differ by at least `margin`."""
        return max(self._above(margin + self.difference), self._above(margin - self.difference))

    def images_needed(self, level: float = LEVEL) -> int | None:
        """Return how many images show the observed difference at `level` with `POWER`, or None if none do.

        The number of runs stays the same.
        """
        runs = self.variance.first + self.variance.second
        room = (self.difference / _distance(self.variance.df, level)) ** 2 - runs
        return None if room <= 0 else math.ceil(self.variance.images * self.variance.n / room)

    def runs_needed(self, level: float = LEVEL) -> int | None:
        """Return how many runs of each recipe, up to `MOST_RUNS`, show the difference on these images, or None."""
        of_one = sum(
            part * count
            for part, count in zip((self.variance.first, self.variance.second), self.variance.runs, strict=True)
        )
        for count in range(max(self.variance.runs) + 1, MOST_RUNS + 1):
            error = math.sqrt(of_one / count + self.variance.images)
            if abs(self.difference) >= _distance(2 * (count - 1), level) * error:
                return count
        return None

    def _above(self, value: float) -> float:
        return student_t_above(value / math.sqrt(self.variance.total), self.variance.df)


def _distance(df: float, level: float) -> float:
    """Return the difference in standard errors that a test at `level` finds with `POWER`."""
    return student_t_quantile(1 - level / 2, df) + student_t_quantile(POWER, df)


def repeated_means(first: Tensor, second: Tensor, span: float = 1.0) -> Repeated:
    """Return the difference of the means of `second`, (s, N), and `first`, (r, N): a value of each run and image.

    The variance of the difference is estimated under the model of two crossed random effects, runs and images:
    var(run means) / r contains the effect of the runs and the interaction; var(image means) / n contains that of the
    images and the interaction once more, so it is subtracted there. Source: the expected mean squares of a two-way
    layout, Searle, Casella and McCulloch 1992, "Variance Components", section 4.3. The sum is at least the
    interaction, also if the runs have equal means by chance.

    `span`, above 0, is the largest difference of two values.
    """
    one, other = first.double(), second.double()
    n = one.shape[1]
    of_runs = (_of_runs(one), _of_runs(other))
    interaction = _interaction(one) + _interaction(other)
    images = float((other.mean(dim=0) - one.mean(dim=0)).var()) / n if n > 1 else 0.0
    return _repeated(one, other, of_runs, max(images - interaction, interaction - sum(of_runs)), n, span)


def repeated_scores(first: Tensor, second: Tensor, image_variance: float, n: int) -> Repeated:
    """Return the difference of the mean scores of runs, (r,) and (s,), with a known variance over n images.

    The scores are in [0, 1]. That variance contains the interaction of runs and images, which is
    counted twice, so intervals are a little wide.
    """
    one, other = first.double()[:, None], second.double()[:, None]
    return _repeated(one, other, (_of_runs(one), _of_runs(other)), image_variance, n, 1.0)


def _repeated(
    one: Tensor, other: Tensor, of_runs: tuple[float, float], images: float, n: int, span: float
) -> Repeated:
    """Return the difference of the means of runs with its variance.

    The part of the images is at least that of n equal images and two more which differ by `span` in either direction,
    because n images without a difference do not show that there is none. Source: the adjusted interval of Bonett and
    Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data",
    Journal of Educational and Behavioral Statistics 37.
    """
    least = 2 * (span / (n + 2)) ** 2
    parts = Components(*of_runs, max(images, least), (len(one), len(other)), n)
    return Repeated(float(other.mean() - one.mean()), parts)


def _of_runs(values: Tensor) -> float:
    return float(values.mean(dim=1).var()) / len(values) if len(values) > 1 else 0.0


def _interaction(values: Tensor) -> float:
    """Return the part of the variance of the mean that is the interaction of runs and images."""
    runs, n = values.shape
    if runs < 2 or n < 2:
        return 0.0
    rest = values - values.mean(dim=0) - values.mean(dim=1, keepdim=True) + values.mean()
    return float(torch.sum(rest * rest)) / ((runs - 1) * (n - 1)) / (runs * n)
