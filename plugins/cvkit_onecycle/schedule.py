"""One cycle as a pure function of the step, and the scheduler that follows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from cvkit import Plan, RunError

Fraction = Annotated[float, Field(gt=0, lt=1)]
Momentum = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True)
class Cycle:
    """Two phases over `total` steps: from `low` up to `high` at step `peak`, then down to `final` at the last.

    Steps count from 0; `peak` need not be whole. `anneal` maps (start, end, progress in [0, 1]) to a value.
    """

    total: int
    peak: float
    anneal: Callable[[float, float, float], float]

    def __call__(self, step: int, low: float, high: float, final: float) -> float:
        """Return the value at `step`; after the last step it stays at `final`."""
        step = min(step, self.total - 1)
        if step <= self.peak:
            return self.anneal(low, high, step / self.peak)
        return self.anneal(high, final, (step - self.peak) / (self.total - 1 - self.peak))


def cosine(start: float, end: float, progress: float) -> float:
    """Go from `start` to `end` along half a cosine."""
    return end + (start - end) / 2.0 * (math.cos(math.pi * progress) + 1)


def linear(start: float, end: float, progress: float) -> float:
    """Go from `start` to `end` in a straight line."""
    return (end - start) * progress + start


def one_cycle(
    optimizer: Optimizer,
    plan: Plan,
    *,
    max_lr: PositiveFloat,
    peak_epoch: PositiveFloat | None = None,
    peak_fraction: Fraction = 0.3,
    div: PositiveFloat = 25.0,
    final_div: PositiveFloat = 1e4,
    anneal: Literal["cos", "linear"] = "cos",
    cycle_momentum: bool = True,
    base_momentum: Momentum = 0.85,
    max_momentum: Momentum = 0.95,
) -> OneCycle:
    """Build the schedule: max_lr / div up to max_lr, then down to max_lr / div / final_div, momentum the other way.

    `peak_epoch`: the epoch at whose last step the peak is; without it, `peak_fraction` of all steps. Smith and
    Topin 2018, "Super-Convergence"; values and defaults are those of ``torch.optim.lr_scheduler.OneCycleLR``,
    two-phase. Raises `RunError` where the planned steps leave no room for either phase.
    """
    up = peak_fraction * plan.total_steps if peak_epoch is None else peak_epoch * plan.steps_per_epoch
    if not 0 < up - 1 < plan.total_steps - 1:
        raise RunError(
            f"one_cycle: {plan.total_steps} steps ({plan.epochs} epochs of {plan.steps_per_epoch}) leave no room for "
            f"a rise and a fall around a peak at step {up:g}; train longer, or move peak_epoch or peak_fraction"
        )
    cycle = Cycle(plan.total_steps, float(up) - 1, {"cos": cosine, "linear": linear}[anneal])
    momenta = (max_momentum, base_momentum) if cycle_momentum else None
    return OneCycle(optimizer, cycle, max_lr, div, final_div, momenta)


class OneCycle(LRScheduler):
    """Follows a `Cycle`, one step an optimizer step.

    Parameter groups keep the ratios of the learning rates they came with: the largest peaks at `max_lr`.
    `momenta`: (at the ends, at the peak), for `momentum` or Adam's first beta; None leaves momentum alone.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        cycle: Cycle,
        max_lr: float,
        div: float,
        final_div: float,
        momenta: tuple[float, float] | None,
    ) -> None:
        self.cycle, self.momenta = cycle, momenta
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        peaks = [max_lr * (rate / max(rates)) for rate in rates]
        self.ranges = [(peak / div, peak, peak / div / final_div) for peak in peaks]
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:
        """Return each group's learning rate at the current step, and set the momentum that goes with it."""
        if self.momenta is not None:
            ends, middle = self.momenta
            momentum = self.cycle(self.last_epoch, ends, middle, ends)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                elif "momentum" in group:
                    group["momentum"] = momentum
        return [self.cycle(self.last_epoch, *ends) for ends in self.ranges]

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
