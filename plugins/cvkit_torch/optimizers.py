"""Optimizers of torch, fused into one kernel on a GPU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, cast

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

Fraction = Annotated[float, Field(ge=0, lt=1)]
Params = Iterable[Tensor] | Iterable[dict[str, Any]]


def sgd(
    params: Params,
    *,
    lr: PositiveFloat = 0.1,
    momentum: Fraction = 0.9,
    nesterov: bool = False,
    weight_decay: NonNegativeFloat = 0.0,
) -> Optimizer:
    """Return stochastic gradient descent over `params`, tensors or groups of them.

    `weight_decay` is added to the gradient (L2). Raises `ValueError` for Nesterov without momentum.
    """
    if nesterov and momentum == 0:
        raise ValueError("nesterov: true needs a momentum above 0, such as 0.9")
    groups: list[Any] = list(params)
    return _restoring_layout(
        SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay, fused=_on_gpu(groups))
    )


def adamw(
    params: Params,
    *,
    lr: PositiveFloat = 1e-3,
    betas: tuple[Fraction, Fraction] = (0.9, 0.999),
    eps: PositiveFloat = 1e-8,
    weight_decay: NonNegativeFloat = 0.01,
) -> Optimizer:
    """Return Adam with decoupled weight decay (Loshchilov & Hutter 2019) over `params`, tensors or groups of them."""
    groups: list[Any] = list(params)
    return _restoring_layout(
        AdamW(
            groups,
            lr=lr,
            betas=cast("tuple[float, float]", tuple(betas)),
            eps=eps,
            weight_decay=weight_decay,
            fused=_on_gpu(groups),
        )
    )


def _on_gpu(params: list[Any]) -> bool | None:
    """Whether every parameter is on a GPU: True, or None to let torch choose.

    On a CPU fusing saves a few milliseconds a step, under one per cent of a training step, and torch's fused
    kernels there read gradients and state in the parameter's memory layout without checking that they have it.
    """
    tensors = [tensor for entry in params for tensor in (entry["params"] if isinstance(entry, dict) else [entry])]
    return True if all(tensor.is_cuda for tensor in tensors) else None


def _restoring_layout(optimizer: Optimizer) -> Optimizer:
    """Make `optimizer` give loaded state its parameters' memory layout, which a file does not hold.

    Fused kernels need it: they pair state and parameter by their place in memory.
    """
    optimizer.register_load_state_dict_post_hook(_restore_layout)
    return optimizer


def _restore_layout(optimizer: Optimizer) -> None:
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
