"""Plan a race within its budget of optimizer steps: the candidates, and the length of the trainings of each rung."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHORTEST = 16
"""Fewest optimizer steps of a training that is compared; a shorter one hardly moves the statistics of batch norm."""

MOST = 10
"""Largest budget, as a multiple of the run's steps."""


@dataclass(frozen=True)
class Plan:
    """A race: `sizes` are the candidates of each rung, each trained for `steps` steps in each of `orders` orders."""

    sizes: tuple[int, ...]
    steps: tuple[int, ...]
    orders: int

    @property
    def cost(self) -> int:
        """The optimizer steps of all trainings."""
        return self.orders * sum(size * steps for size, steps in zip(self.sizes, self.steps, strict=True))


def plan_race(budget: int, candidates: int, orders: int, fewest: int = 2) -> Plan | None:
    """Return the race of as many of the `candidates` as `budget` steps allow; None if they do not allow `fewest`.

    If the budget is short, the race has a single rung, then a single order of the data, and then fewer candidates.
    """
    for size in range(candidates, fewest - 1, -1):
        for sizes, repeats in ((halved(size), orders), ((size,), orders), ((size,), 1)):
            steps = longest(sizes, budget // repeats)
            if steps[0] >= SHORTEST:
                return Plan(sizes, steps, repeats)
    return None


def halved(size: int) -> tuple[int, ...]:
    """Return the candidates of each rung: half as many as in the rung before, at least 2."""
    sizes = [size]
    while sizes[-1] >= 4:
        sizes.append(sizes[-1] // 2)
    return tuple(sizes)


def longest(sizes: Sequence[int], budget: int) -> tuple[int, ...]:
    """Return the steps of a training in each rung, doubled from rung to rung, so that the sum is within `budget`."""
    doubled = [2**rung for rung in range(len(sizes))]
    shortest = budget // sum(size * factor for size, factor in zip(sizes, doubled, strict=True))
    return tuple(factor * shortest for factor in doubled)


def spread(low: float, high: float, count: int) -> list[float]:
    """Return `count` values, each in the middle of an equal share of the range from `low` to `high` on a log scale.

    So no value of the range is farther than half a share from a candidate.
    """
    ends = np.linspace(np.log(low), np.log(high), 2 * count + 1)
    return [rounded(value) for value in np.exp(ends[1::2])]


def rounded(value: float) -> float:
    """Return the value with three digits."""
    return float(f"{value:.3g}")
