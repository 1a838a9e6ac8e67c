"""Compute the learning rate and momentum at every planned step of a run, without training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import RunError
from ..recipe.settings import TrainSettings
from ..seeding import preserved_randomness
from .parts import RunParts
from .schedule import early_steps, momentum_of

MAX_STEPS = 2_000_000
"""The maximum number of steps to compute for a figure or a comparison. They take about half a minute."""
Series = NDArray[np.float64]


@dataclass(frozen=True)
class LrCurve:
    """The learning rate and momentum at each planned step, for each parameter group.

    Attributes:
        rates: Learning rates, float64 (steps, groups).
        momenta: Momentum or first beta, float64 (steps, groups); None if the optimizer has neither.
        placeholders: Paths in the recipe that are still ``auto``; the curve uses `PLACEHOLDER_LR` for them.
    """

    rates: Series
    momenta: Series | None
    placeholders: tuple[str, ...]


def lr_curve(parts: RunParts, settings: TrainSettings | None = None) -> LrCurve:
    """Return the learning rates of a run of `parts`, by stepping its schedule through every planned step.

    If `settings` are given, they replace the recipe's, for example to compare other numbers of epochs. The weights
    and the global random generators are not modified. Raises `RunError` for more than `MAX_STEPS` steps.
    """
    steps = (settings or parts.recipe.train).steps(parts.batching.steps)
    if steps > MAX_STEPS:
        raise RunError(
            f"the schedule has {steps:,} steps, but at most {MAX_STEPS:,} can be computed; to see how it starts, "
            "set train.max_steps=10000"
        )
    rates, momenta = [], []
    with preserved_randomness(), early_steps():
        schedule = parts.new_schedule(settings=settings)
        for _ in range(steps):
            groups = schedule.optimizer.param_groups
            rates.append([float(group["lr"]) for group in groups])
            momenta.append([momentum_of(group) for group in groups])
            schedule.step()
    complete = all(momentum is not None for momentum in momenta[0])
    return LrCurve(
        np.array(rates), np.array(momenta, dtype=np.float64) if complete else None, parts.recipe.unresolved()
    )
