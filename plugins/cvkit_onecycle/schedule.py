"""The one-cycle schedule: a function of the step, and a scheduler that applies it to an optimizer."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cvkit import StepPlan

Fraction = Annotated[float, Field(gt=0, lt=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Cycle:
    """A sequence of phases, each from one value to the next.

    `ends` are the steps at which the phases end, counted from 0, ascending; they may be fractions. `anneal` maps
    (start, end, progress in [0, 1]) to a value.
    """

    ends: tuple[float, ...]
    anneal: Callable[[float, float, float], float]

    def __call__(self, step: int, *values: float) -> float:
        """Return the value at `step`, given the `values` at step 0 and at the end of each phase.

        After the last phase the value stays constant.
        """
        step = min(step, int(self.ends[-1]))
        phase = bisect_left(self.ends, step)
        start = self.ends[phase - 1] if phase else 0.0
        progress = (step - start) / (self.ends[phase] - start)
        return self.anneal(values[phase], values[phase + 1], progress)


def cosine(start: float, end: float, progress: float) -> float:
    """Interpolate from `start` to `end` along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * progress) + 1)


def linear(start: float, end: float, progress: float) -> float:
    """Interpolate linearly from `start` to `end`."""
    return (end - start) * progress + start


def one_cycle(
    optimizer: Optimizer,
    plan: StepPlan,
    *,
    max_lr: PositiveFloat,
    peak_epoch: PositiveFloat | None = None,
    peak_fraction: Fraction = 0.3,
    three_phase: bool = False,
    div: PositiveFloat = 25.0,
    final_div: PositiveFloat = 1e4,
    anneal: Literal["cos", "linear"] = "cos",
    cycle_momentum: bool | None = None,
    base_momentum: Momentum = 0.85,
    max_momentum: Fraction = 0.95,
) -> OneCycle:
    """Increase the learning rate to a peak, then decrease it to almost zero; the momentum moves the other way.

    Parameter groups keep the ratios of their learning rates; the group with the largest rate reaches `max_lr`.
    Source: Smith & Topin 2018, "Super-Convergence". Values and defaults are those of
    ``torch.optim.lr_scheduler.OneCycleLR``.

    Args:
        optimizer: The optimizer to schedule.
        plan: Number of epochs and of steps per epoch.
        max_lr: Learning rate at the peak; above 0.
        peak_epoch: Epoch at whose last step the learning rate reaches its peak, above 0; null uses `peak_fraction`.
        peak_fraction: Fraction of all steps after which the learning rate reaches its peak, in (0, 1).
        three_phase: Decrease the learning rate to `max_lr` / `div` as fast as it rose, and only then to its last
            value.
        div: Ratio of `max_lr` to the first learning rate; above 0.
        final_div: Ratio of the first to the last learning rate; above 0.
        anneal: Shape of the phases: ``cos`` for half a cosine, ``linear`` for a straight line.
        cycle_momentum: Change the momentum, or the first beta: null does so for each parameter group that has one
            above 0; true requires one in every group; false leaves it constant.
        base_momentum: Momentum at the peak of the learning rate, in [0, 1).
        max_momentum: Momentum at both ends of the schedule, in (0, 1).

    Raises:
        ValueError: The run has too few steps for a phase, `cycle_momentum` is true and a group has no momentum,
            `base_momentum` is above `max_momentum`, or every learning rate of the optimizer is 0.
    """
    if not any(group["lr"] for group in optimizer.param_groups):
        raise ValueError(
            "the learning rate of the optimizer is 0, so the ratios between parameter groups are undefined; set it "
            "above 0"
        )
    up = peak_fraction * plan.total_steps if peak_epoch is None else peak_epoch * plan.steps_per_epoch
    cycle = Cycle(phase_ends(plan, float(up), three_phase), {"cos": cosine, "linear": linear}[anneal])
    keys = momentum_keys(optimizer, cycle_momentum)
    if any(keys) and base_momentum > max_momentum:
        raise ValueError(
            f"base_momentum ({base_momentum:g}), at the peak, must not be above max_momentum ({max_momentum:g}), at "
            "the ends"
        )
    return OneCycle(optimizer, cycle, max_lr, div, final_div, (max_momentum, base_momentum), keys)


def phase_ends(plan: StepPlan, up: float, three_phase: bool) -> tuple[float, ...]:
    """Return the last step of each phase if the rate rises for `up` steps; raise `ValueError` if one has no room."""
    epochs = "1 epoch" if plan.epochs == 1 else f"{plan.epochs} epochs"
    steps = f"{plan.total_steps} steps ({epochs} of {plan.steps_per_epoch})"
    if plan.total_steps < 3:
        raise ValueError(f"{steps} are too few for a first rate, a peak and a last rate; train for at least 3 steps")
    last = plan.total_steps - 1
    if up > plan.total_steps:
        raise ValueError(f"{steps} end before the peak at step {up:g}; train longer, or lower peak_epoch")
    if not 0 < up - 1 < last:
        raise ValueError(
            f"{steps} leave no room for a rise and a fall around a peak at step {up:g}; "
            "train longer, or change peak_epoch or peak_fraction"
        )
    if not three_phase:
        return (up - 1, last)
    if not 2 * up - 2 < last:
        raise ValueError(
            f"{steps} leave no room for a third phase after a rise and a fall of {up:g} steps each; "
            "train longer, lower peak_epoch or peak_fraction to less than half, or set three_phase: false"
        )
    return (up - 1, 2 * up - 2, last)


def momentum_keys(optimizer: Optimizer, asked: bool | None) -> list[str]:
    """Return the key of the momentum to change in each parameter group, ``betas`` or ``momentum``, or "" for none.

    A momentum of 0 counts as none. torch would change it and so enable a momentum that the recipe disabled. Raises
    `ValueError` if `asked` is true and a group has no momentum.
    """
    keys = []
    for group in optimizer.param_groups:
        key = "betas" if "betas" in group else "momentum"
        value = group["betas"][0] if key == "betas" else group.get("momentum")
        keys.append(key if value and asked is not False else "")
    if asked and not all(keys):
        raise ValueError(
            f"cycle_momentum: true requires a momentum, but this {type(optimizer).__name__} has no momentum to cycle "
            "(neither a momentum nor a first beta above 0); set cycle_momentum: false, or set a momentum in the "
            "optimizer, such as 0.9"
        )
    return keys


class OneCycle(LRScheduler):
    """A scheduler that follows a `Cycle`, with one step for each optimizer step.

    Parameter groups keep the ratios of their learning rates; the largest reaches `max_lr`. `momenta` are the momentum
    at the ends and at the peak. `keys` are the keys of the momentum in each group: ``momentum``, ``betas`` for the
    first beta, or "" to leave it constant.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        cycle: Cycle,
        max_lr: float,
        div: float,
        final_div: float,
        momenta: tuple[float, float],
        keys: list[str],
    ) -> None:
        self.cycle, self.keys = cycle, keys
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        peaks = [max_lr * (rate / max(rates)) for rate in rates]
        back = len(cycle.ends) - 2  # phases that return to the first learning rate: 1 with three phases, else 0
        self.rates = [(peak / div, peak, *[peak / div] * back, peak / div / final_div) for peak in peaks]
        self.momenta = (*momenta, *[momenta[0]] * (1 + back))
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Return the learning rate of each group at the current step, and set its momentum."""
        momentum = self.cycle(self.last_epoch, *self.momenta)
        for group, key in zip(self.optimizer.param_groups, self.keys, strict=True):
            if key:
                group[key] = (momentum, *group[key][1:]) if key == "betas" else momentum
        return [self.cycle(self.last_epoch, *values) for values in self.rates]

    def state_dict(self) -> dict[str, Any]:
        """Return only the step, because the recipe determines everything else."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the step from `state_dict`."""
        self.last_epoch = state_dict["last_epoch"]
        self._step_count = self.last_epoch + 1
        self._last_lr = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate
