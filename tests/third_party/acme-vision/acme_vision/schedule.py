"""The schedule of the first transformer (Vaswani et al. 2017, equation 3), with its peak at the optimizer's rate."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from cvkit import SchedulerFactory, StepPlan


def inverse_sqrt(
    optimizer: Optimizer, plan: StepPlan, *, warmup: Annotated[float, Field(gt=0, lt=1)] = 0.1
) -> LambdaLR:
    """Rise in a straight line over the first `warmup` of all steps, then fall as one over the step's square root."""
    peak = max(1, round(warmup * plan.total_steps))
    return LambdaLR(optimizer, lambda step: min((step + 1) / peak, math.sqrt(peak / (step + 1))))


_: SchedulerFactory = inverse_sqrt
