"""Intervals of means by resampling what was measured."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...engine.seeding import derive

RESAMPLES = 2_000
_AT_ONCE = 4_000_000  # rows drawn at a time, which bounds the memory


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` units, with the ends of its 95 % interval."""

    mean: float
    low: float
    high: float
    n: int


def bootstrap(values: Tensor) -> list[Estimate]:
    """Return the mean of each column of `values` (n, m), n at least 1, with its 95 % percentile interval.

    The percentile bootstrap of Efron 1979: `RESAMPLES` seeded draws of n rows with replacement. Rows are drawn whole,
    so a column of differences gives the interval of a paired comparison. It knows of the images' spread alone; a
    column of equal values has an interval of no width, however few they are.
    """
    n = len(values)
    generator = torch.Generator().manual_seed(derive("bootstrap", n))
    sizes = torch.arange(RESAMPLES).split(max(1, _AT_ONCE // n))
    means = torch.cat([_resampled(values.double(), len(size), generator) for size in sizes])
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64), dim=0)
    columns = zip(values.double().mean(dim=0).tolist(), low.tolist(), high.tolist(), strict=True)
    return [Estimate(*column, n) for column in columns]


def _resampled(values: Tensor, times: int, generator: torch.Generator) -> Tensor:
    """Return the means of as many rows of `values` (n, m), drawn with replacement, (times, m)."""
    n = len(values)
    drawn = torch.randint(n, (times, n), generator=generator)
    counts = values.new_zeros(times, n).scatter_add_(1, drawn, values.new_ones(times, n))
    return counts @ values / n
