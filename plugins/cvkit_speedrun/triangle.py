"""The triangular learning-rate schedule of airbench94."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from cvkit import StepPlan

Fraction = Annotated[float, Field(ge=0, le=1)]


def triangle(
    optimizer: Optimizer,
    plan: StepPlan,
    *,
    start: Fraction = 0.2,
    peak: Annotated[float, Field(ge=0, lt=1)] = 0.23,
    end: Fraction = 0.07,
) -> LambdaLR:
    """Change the learning rates linearly from a fraction to the optimizer's own rates, and down to another fraction.

    The rates follow the number of steps taken; `end` would be reached after the last step. Source: the schedule of
    airbench94, <https://github.com/KellerJordan/cifar10-airbench>, whose values are the defaults.

    Args:
        optimizer: The optimizer to schedule.
        plan: Number of epochs and of steps per epoch.
        start: Fraction of the optimizer's rates at the first step, in [0, 1].
        peak: Fraction of all steps after which the rates are those of the optimizer, in [0, 1); 0 begins with them.
        end: Fraction of the optimizer's rates after the last step, in [0, 1].
    """
    total = plan.total_steps
    top = int(peak * total)

    def factor(step: int) -> float:
        if step < top:
            return start + (1 - start) * step / top
        return 1 + (end - 1) * min(1.0, (step - top) / (total - top))

    return LambdaLR(optimizer, factor)
