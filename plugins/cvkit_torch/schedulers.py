"""Plain schedules: each a factor of the optimizer's learning rates, a pure function of the optimizer step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from cvkit import StepPlan


def constant(optimizer: Optimizer, plan: StepPlan) -> LambdaLR:
    """Keep the optimizer's learning rates."""
    return LambdaLR(optimizer, lambda step: 1.0)


def step(optimizer: Optimizer, plan: StepPlan, *, every: PositiveInt, gamma: PositiveFloat = 0.1) -> LambdaLR:
    """Multiply the learning rates by `gamma` at the end of every `every` epochs."""
    return LambdaLR(optimizer, lambda step: gamma ** (step // (every * plan.steps_per_epoch)))


def cosine(
    optimizer: Optimizer,
    plan: StepPlan,
    *,
    warmup_epochs: NonNegativeFloat = 0.0,
    final_lr_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0,
) -> LambdaLR:
    """Rise linearly for `warmup_epochs`, then fall along half a cosine to `final_lr_ratio` of the learning rates.

    The fall ends after the last step (Loshchilov & Hutter 2017, without restarts). Raises `ValueError` where the
    warm-up leaves no step to fall in.
    """
    warmup = round(warmup_epochs * plan.steps_per_epoch)
    if warmup >= plan.total_steps:
        raise ValueError(
            f"warmup_epochs {warmup_epochs:g} is {warmup} steps, which leaves none of the run's "
            f"{plan.total_steps} steps to fall in"
        )

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        done = min((step - warmup) / (plan.total_steps - warmup), 1.0)
        return final_lr_ratio + (1 - final_lr_ratio) * (1 + math.cos(math.pi * done)) / 2

    return LambdaLR(optimizer, factor)
