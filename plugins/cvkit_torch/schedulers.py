"""Simple learning-rate schedules; each is a factor that depends only on the optimizer step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from cvkit import StepPlan


def constant(optimizer: Optimizer, plan: StepPlan) -> LambdaLR:
    """Keep the learning rates of the optimizer constant.

    Args:
        optimizer: The optimizer to schedule.
        plan: Number of epochs and of steps per epoch; not used.
    """
    return LambdaLR(optimizer, lambda step: 1.0)


def step(optimizer: Optimizer, plan: StepPlan, *, every: PositiveInt, gamma: PositiveFloat = 0.1) -> LambdaLR:
    """Multiply the learning rates by `gamma` after every `every` epochs.

    Args:
        optimizer: The optimizer to schedule.
        plan: Number of epochs and of steps per epoch.
        every: Epochs between two changes; at least 1.
        gamma: Factor of each change; above 0.
    """
    return LambdaLR(optimizer, lambda step: gamma ** (step // (every * plan.steps_per_epoch)))


def cosine(
    optimizer: Optimizer,
    plan: StepPlan,
    *,
    warmup_epochs: NonNegativeFloat = 0.0,
    final_lr_ratio: Annotated[float, Field(ge=0, le=1)] = 0.0,
) -> LambdaLR:
    """Increase the learning rates linearly, then decrease them along half a cosine until the last step.

    Source: Loshchilov & Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", without restarts.

    Args:
        optimizer: The optimizer to schedule.
        plan: Number of epochs and of steps per epoch.
        warmup_epochs: Length of the linear warm-up in epochs, at least 0; fractions are allowed.
        final_lr_ratio: Learning rate after the last step as a fraction of the peak, in [0, 1].

    Raises:
        ValueError: The warm-up takes all steps of the run.
    """
    warmup = round(warmup_epochs * plan.steps_per_epoch)
    if warmup >= plan.total_steps:
        raise ValueError(
            f"warmup_epochs {warmup_epochs:g} is {warmup} steps, which leaves none of the run's {plan.total_steps} "
            f"steps for the decay; lower warmup_epochs or train longer"
        )

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        done = min((step - warmup) / (plan.total_steps - warmup), 1.0)
        return final_lr_ratio + (1 - final_lr_ratio) * (1 + math.cos(math.pi * done)) / 2

    return LambdaLR(optimizer, factor)
