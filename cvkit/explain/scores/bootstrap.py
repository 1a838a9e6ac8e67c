"""Bootstrap confidence intervals of means."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...seeding import derive

RESAMPLES = 2_000
_AT_ONCE = 4_000_000  # maximum number of rows drawn at a time; this limits the memory

FEWEST = 6
"""The minimum number of units for a conclusion from an interval.

If five or fewer units all lie on one side of a bound, chance alone explains that in more than 5 % of cases
(2 / 2**5 = 6 %, the two-sided sign test), even if the bootstrap interval is narrow.
"""


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` units and its 95 % interval from `low` to `high`."""

    mean: float
    low: float
    high: float
    n: int

    def above(self, bound: float) -> bool:
        """Return whether the interval is entirely above `bound`, with at least `FEWEST` units."""
        return self.n >= FEWEST and self.low > bound

    def below(self, bound: float) -> bool:
        """Return whether the interval is entirely below `bound`, with at least `FEWEST` units."""
        return self.n >= FEWEST and self.high < bound


def bootstrap(values: Tensor) -> list[Estimate]:
    """Return the mean of each column of `values`, with its 95 % percentile interval.

    `values` is (n, m) for m quantities of n units, or (n, d, m) if each was measured under d random draws, with n and
    d at least 1. The method is the percentile bootstrap of Efron 1979, with `RESAMPLES` seeded draws of n rows with
    replacement. All columns use the same rows, so a column of differences gives the interval of a paired comparison.
    For (n, d, m), the d draws are resampled independently of the rows: this is the pigeonhole bootstrap of Owen 2007,
    arXiv:0712.1111, whose intervals are slightly wide. With 3 draws, they reach from about the lowest to about the
    highest draw. An interval reflects only the measured spread: for a column of equal values it has width zero,
    however few there are.
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
    """Return means of resampled rows and draws of `values` (n, d, m), float64 (times, m)."""
    n, draws, _ = values.shape
    of_rows = (_counts(n, times, generator) @ values.flatten(1) / n).view(times, *values.shape[1:])
    if draws == 1:
        return of_rows[:, 0]
    return (_counts(draws, times, generator)[..., None] * of_rows).sum(dim=1) / draws


def _counts(n: int, times: int, generator: torch.Generator) -> Tensor:
    """Return how often each of n units is drawn in n draws with replacement, float64 (times, n)."""
    drawn = torch.randint(n, (times, n), generator=generator)
    return torch.zeros(times, n, dtype=torch.float64).scatter_add_(
        1, drawn, torch.ones(times, n, dtype=torch.float64)
    )
