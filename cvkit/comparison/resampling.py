"""The paired bootstrap: the interval and the tests of a difference of two scores on the same images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import torch
from torch import Tensor

from ..engine.paired import LEVEL, POWER
from ..seeding import derive

RESAMPLES = 2_000
_AT_ONCE = 2_000_000  # maximum number of images drawn at a time; this limits the memory

Score = Callable[[Tensor], Tensor]
"""From the number of times that each image was drawn, float64 (r, N), to a score of each draw, float64 (r,)."""


@dataclass(frozen=True)
class Resampled:
    """The differences of two scores on resampled images, float64 (RESAMPLES,)."""

    differences: Tensor

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the percentile interval of Efron 1979, which excludes 0 exactly if the p-value is below the rest.

        Its ends are the order statistics that `share_up_to` and `share_from` count, as in Davison and Hinkley 1997,
        section 5.3; a quantile between two draws would not agree with them.
        """
        ordered = self.differences.sort().values
        beyond = math.floor((len(ordered) + 1) * (1 - confidence) / 2)
        return float(ordered[beyond - 1]), float(ordered[-beyond])

    @property
    def p_value(self) -> float:
        """The two-sided p-value that there is no difference: twice the smaller share of draws beyond 0."""
        return min(1.0, 2 * min(self.share_up_to(0.0), self.share_from(0.0)))

    def equivalence_p_value(self, margin: float) -> float:
        """Return the p-value of two one-sided tests that the scores differ by at least `margin`."""
        return max(self.share_up_to(-margin), self.share_from(margin))

    def share_up_to(self, value: float) -> float:
        """Return the share of draws up to a value; one draw is added, so that it is not 0 (Davison, Hinkley 1997)."""
        return (int((self.differences <= value).sum()) + 1) / (len(self.differences) + 1)

    def share_from(self, value: float) -> float:
        """Return the share of draws from a value; one draw is added."""
        return (int((self.differences >= value).sum()) + 1) / (len(self.differences) + 1)

    @property
    def variance(self) -> float:
        """The variance of the difference over draws of the images."""
        return float(self.differences.var())

    def images_needed(self, difference: float, images: int, level: float = LEVEL) -> int | None:
        """Return how many images show a difference at `level`, from the variance on `images`; None for 0."""
        normal = NormalDist()
        z = normal.inv_cdf(1 - level / 2) + normal.inv_cdf(POWER)
        return math.ceil(images * self.variance * (z / difference) ** 2) if difference else None


def resample(images: int, score: Score) -> Resampled:
    """Return the values of `score`, a difference of two models, on `RESAMPLES` draws of `images` with replacement.

    Both models are scored on the same draws. The draws depend on the number of images alone.
    """
    return Resampled(torch.cat([score(counts) for counts in draws(images)]))


def draws(images: int) -> Iterator[Tensor]:
    """Yield how often each image is drawn in `images` draws with replacement, float64 (r, N), r as memory allows."""
    generator = torch.Generator().manual_seed(derive("comparison", images))
    for part in torch.arange(RESAMPLES).split(max(1, _AT_ONCE // images)):
        drawn = torch.randint(images, (len(part), images), generator=generator)
        ones = torch.ones(drawn.shape, dtype=torch.float64)
        yield torch.zeros(drawn.shape, dtype=torch.float64).scatter_add_(1, drawn, ones)


def mean_difference(first: Tensor, second: Tensor) -> Score:
    """Return the score of the mean of `second` minus the mean of `first`, each (N,)."""
    difference = second.double() - first.double()
    return lambda counts: counts @ difference / counts.sum(dim=1)
