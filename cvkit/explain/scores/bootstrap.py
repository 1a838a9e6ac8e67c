"""Intervals of means by resampling what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...seeding import derive

RESAMPLES = 2_000
_AT_ONCE = 4_000_000  # rows drawn at a time, which bounds the memory

FEWEST = 6
"""Units from which an interval can be clear of a bound.

Of five or fewer that all lie on one side of it, chance alone puts them there in more than 5 % of cases
(2 / 2**5 = 6 %, the two-sided sign test), however narrow the bootstrap makes their interval.
"""


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` units, with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int

    def above(self, bound: float) -> bool:
        """Return whether the whole interval lies above `bound`, and rests on at least `FEWEST` units."""
        return self.n >= FEWEST and self.low > bound

    def below(self, bound: float) -> bool:
        """Return whether the whole interval lies below `bound`, and rests on at least `FEWEST` units."""
        return self.n >= FEWEST and self.high < bound


def bootstrap(values: Tensor) -> list[Estimate]:
    """Return the mean of each column of `values`, with its 95 % percentile interval.

    `values`: (n, m), m quantities measured of n units; or (n, d, m), each measured d times, under d random draws of
    something else. n, d at least 1. The percentile bootstrap of Efron 1979: `RESAMPLES` seeded draws of n rows with
    replacement. Rows are drawn whole, so a column of differences gives the interval of a paired comparison. Of (n, d,
    m) the d draws are resampled as well, apart from the rows: the pigeonhole bootstrap of Owen 2007, arXiv 0712.1111,
    whose intervals are a little wide; of 3 draws, they reach from about the lowest to about the highest. An interval
    knows of the spread that was measured alone: a column of equal values has one of no width, however few they are.
    """
    n = len(values)
    of_draws = values.double() if values.ndim == 3 else values.double()[:, None]
    generator = torch.Generator().manual_seed(derive("bootstrap", n))
    sizes = torch.arange(RESAMPLES).split(max(1, _AT_ONCE // n))
    means = torch.cat([_resampled(of_draws, len(size), generator) for size in sizes])
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    columns = zip(of_draws.mean(dim=(0, 1)).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(*column, n) for column in columns]


def _resampled(values: Tensor, times: int, generator: torch.Generator) -> Tensor:
    """Return the means of as many rows and draws of `values` (n, d, m), drawn with replacement, (times, m)."""
    n, draws, _ = values.shape
    of_rows = (_counts(n, times, generator) @ values.flatten(1) / n).view(times, *values.shape[1:])
    if draws == 1:
        return of_rows[:, 0]
    return (_counts(draws, times, generator)[..., None] * of_rows).sum(dim=1) / draws


def _counts(n: int, times: int, generator: torch.Generator) -> Tensor:
    """Return how often each of n is drawn in n draws with replacement, float64 (times, n)."""
    drawn = torch.randint(n, (times, n), generator=generator)
    return torch.zeros(times, n, dtype=torch.float64).scatter_add_(
        1, drawn, torch.ones(times, n, dtype=torch.float64)
    )
