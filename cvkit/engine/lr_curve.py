"""The learning rate and momentum of a run at every planned step, computed without training."""

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
"""Steps of a schedule that are computed for a figure or a comparison: that takes half a minute, one after another."""
Series = NDArray[np.float64]


@dataclass(frozen=True)
class LrCurve:
    """The learning rate and momentum that a run would use at each planned step, of each parameter group.

    `rates`: float64 (steps, groups). `momenta`: float64 (steps, groups), or None where the optimizer has neither
    momentum nor beta. `stand_ins`: the recipe's places that are still ``auto``, each drawn as `STAND_IN_RATE`.
    """

    rates: Series
    momenta: Series | None
    stand_ins: tuple[str, ...]


def lr_curve(parts: RunParts, settings: TrainSettings | None = None) -> LrCurve:
    """Return the curve of a run of `parts`: its schedule, stepped once for each planned step, without any training.

    `settings`, in place of the recipe's, say what other epochs would make of it. The weights and every global
    generator stay as they are. Raises `RunError` for more than `MAX_STEPS` steps.
    """
    steps = (settings or parts.recipe.train).steps(parts.batching.steps)
    if steps > MAX_STEPS:
        raise RunError(
            f"the schedule has {steps:,} steps, and at most {MAX_STEPS:,} are computed one after another; to see "
            "how it begins: --set train.max_steps=10000"
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
