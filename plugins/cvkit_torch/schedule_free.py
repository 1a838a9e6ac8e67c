"""Schedule-free AdamW, from the library schedulefree."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat
from schedulefree import AdamWScheduleFree
from torch.optim import Optimizer

from .optimizers import Fraction, Params


def schedule_free_adamw(
    params: Params,
    *,
    lr: PositiveFloat = 0.0025,
    betas: tuple[Annotated[float, Field(gt=0, lt=1)], Fraction] = (0.9, 0.999),
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.0,
    warmup_steps: NonNegativeInt = 0,
) -> Optimizer:
    """Return AdamW that needs no schedule: evaluated weights are an average over the run.

    Use it with the scheduler ``constant``. Gradients are computed between the average and the latest point. The
    statistics of batch normalisation are those of training, and are not computed again for the average. ``train.ema``
    averages the evaluated weights.

    Source: Defazio et al. 2024, "The Road Less Scheduled".

    Args:
        params: Tensors or parameter groups to optimize.
        lr: Learning rate; above 0.
        betas: Interpolation between the latest point and the average, in (0, 1), and decay rate of the running
            average of the gradient's square, in [0, 1).
        eps: Term added to the denominator for numerical stability; above 0.
        weight_decay: Weight decay, at least 0.
        warmup_steps: Steps of a linear warm-up.

    Returns:
        A `schedulefree.AdamWScheduleFree`.
    """
    groups: list[Any] = list(params)
    optimizer: Optimizer = AdamWScheduleFree(
        groups,
        lr=lr,
        betas=cast("tuple[float, float]", tuple(betas)),
        eps=eps,
        weight_decay=weight_decay,
        warmup_steps=warmup_steps,
    )
    return optimizer
