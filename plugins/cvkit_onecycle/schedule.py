"""One cycle as a pure function of the step, and the scheduler that follows it."""

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

from cvkit import RunError, StepPlan

Fraction = Annotated[float, Field(gt=0, lt=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Cycle:
    """Phases one after another: `ends` are the steps they end at, counted from 0, ascending, not all whole.

    `anneal` maps (start, end, progress in [0, 1]) to a value.
    """

    ends: tuple[float, ...]
    anneal: Callable[[float, float, float], float]

    def __call__(self, step: int, *values: float) -> float:
        """Return the value at `step`, of `values` at step 0 and at each phase's end; after the last it stays."""
        step = min(step, int(self.ends[-1]))
        phase = bisect_left(self.ends, step)
        start = self.ends[phase - 1] if phase else 0.0
        progress = (step - start) / (self.ends[phase] - start)
        return self.anneal(values[phase], values[phase + 1], progress)


def cosine(start: float, end: float, progress: float) -> float:
    """Go from `start` to `end` along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * progress) + 1)


def linear(start: float, end: float, progress: float) -> float:
    """Go from `start` to `end` in a straight line."""
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
    """Build the schedule: max_lr / div up to max_lr, then down to max_lr / div / final_div, momentum the other way.

    `peak_epoch`: the epoch at whose last step the peak is; without it, `peak_fraction` of all steps. `three_phase`:
    down to max_lr / div first, as fast as it rose, and only then to the last rate. `cycle_momentum`: null moves the
    momentum, or first beta, of each parameter group that has one above 0; true demands one of every group. Smith and
    Topin 2018, "Super-Convergence"; values and defaults are those of ``torch.optim.lr_scheduler.OneCycleLR``. Raises
    `RunError` where the planned steps leave no room for a phase, where a momentum is demanded and missing, and where
    base_momentum is above max_momentum or every learning rate is 0.
    """
    if not any(group["lr"] for group in optimizer.param_groups):
        raise RunError("one_cycle: the optimizer's learning rate is 0, so no ratio to it can be kept; set it above 0")
    up = peak_fraction * plan.total_steps if peak_epoch is None else peak_epoch * plan.steps_per_epoch
    cycle = Cycle(phase_ends(plan, float(up), three_phase), {"cos": cosine, "linear": linear}[anneal])
    keys = momentum_keys(optimizer, cycle_momentum)
    if any(keys) and base_momentum > max_momentum:
        raise RunError(
            f"one_cycle: base_momentum ({base_momentum:g}), at the peak, must not be above "
            f"max_momentum ({max_momentum:g}), at the ends"
        )
    return OneCycle(optimizer, cycle, max_lr, div, final_div, (max_momentum, base_momentum), keys)


def phase_ends(plan: StepPlan, up: float, three_phase: bool) -> tuple[float, ...]:
    """Return the step each phase ends at, for a rise over `up` steps; raise `RunError` where one has no room."""
    epochs = "1 epoch" if plan.epochs == 1 else f"{plan.epochs} epochs"
    steps = f"one_cycle: {plan.total_steps} steps ({epochs} of {plan.steps_per_epoch})"
    if plan.total_steps < 3:
        raise RunError(f"{steps} are too few for a first rate, a peak and a last rate; train for at least 3 steps")
    last = plan.total_steps - 1
    if up > plan.total_steps:
        raise RunError(f"{steps} end before the peak at step {up:g}; train longer, or lower peak_epoch")
    if not 0 < up - 1 < last:
        raise RunError(
            f"{steps} leave no room for a rise and a fall around a peak at step {up:g}; "
            "train longer, or move peak_epoch or peak_fraction"
        )
    if not three_phase:
        return (up - 1, last)
    if not 2 * up - 2 < last:
        raise RunError(
            f"{steps} leave no room for a third phase after a rise and a fall of {up:g} steps each; "
            "train longer, lower peak_epoch or peak_fraction to less than half, or set three_phase: false"
        )
    return (up - 1, 2 * up - 2, last)


def momentum_keys(optimizer: Optimizer, asked: bool | None) -> list[str]:
    """Return what each parameter group calls the momentum to cycle, ``betas`` or ``momentum``; "" leaves it alone.

    A momentum of 0 counts as none: torch cycles it, and so turns on what the recipe turned off. Raises `RunError`
    where it was `asked` for and a group has none.
    """
    keys = []
    for group in optimizer.param_groups:
        key = "betas" if "betas" in group else "momentum"
        value = group["betas"][0] if key == "betas" else group.get("momentum")
        keys.append(key if value and asked is not False else "")
    if asked and not all(keys):
        raise RunError(
            f"one_cycle: this {type(optimizer).__name__} has no momentum to cycle (neither a momentum nor a first "
            "beta above 0); set cycle_momentum: false, or give the optimizer one, such as 0.9"
        )
    return keys


class OneCycle(LRScheduler):
    """Follows a `Cycle`, one step an optimizer step.

    Parameter groups keep the ratios of the learning rates they came with: the largest peaks at `max_lr`.
    `momenta`: (at the ends, at the peak). `keys`: where each group keeps it, ``momentum`` or ``betas``, whose first
    it is; "" leaves that group's alone.
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
        back = len(cycle.ends) - 2  # how often it comes back to where it began before it ends
        self.rates = [(peak / div, peak, *[peak / div] * back, peak / div / final_div) for peak in peaks]
        self.momenta = (*momenta, *[momenta[0]] * (1 + back))
        super().__init__(optimizer)

    def get_lr(self) -> list[float | Tensor]:
        """Return each group's learning rate at the current step, and set the momentum that goes with it."""
        momentum = self.cycle(self.last_epoch, *self.momenta)
        for group, key in zip(self.optimizer.param_groups, self.keys, strict=True):
            if key:
                group[key] = (momentum, *group[key][1:]) if key == "betas" else momentum
        return [self.cycle(self.last_epoch, *values) for values in self.rates]

    def state_dict(self) -> dict[str, Any]:
        """Return the step alone: everything else follows from the recipe."""
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to the step that `state_dict` names."""
        self.last_epoch = state_dict["last_epoch"]
        self._step_count = self.last_epoch + 1
        self._last_lr = self.get_lr()
        for group, rate in zip(self.optimizer.param_groups, self._last_lr, strict=True):
            group["lr"] = rate
