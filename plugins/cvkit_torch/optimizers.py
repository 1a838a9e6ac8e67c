"""Optimizers from PyTorch, in their fused version on a GPU."""

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
    """Return stochastic gradient descent with momentum.

    Args:
        params: Tensors or parameter groups to optimize.
        lr: Learning rate; above 0. Usual peaks are 0.03 to 1: 0.1 for each 256 images of a batch (Goyal et al. 2017,
            arXiv:1706.02677), and up to 1 with a warm-up (Smith & Topin 2018, arXiv:1708.07120).
        momentum: Momentum factor, in [0, 1).
        nesterov: Use Nesterov momentum; requires `momentum` above 0.
        weight_decay: L2 penalty, at least 0; `weight_decay` times the weight is added to the gradient.

    Returns:
        A `torch.optim.SGD`.

    Raises:
        ValueError: `nesterov` is true and `momentum` is 0.
    """
    if nesterov and momentum == 0:
        raise ValueError("nesterov: true requires a momentum above 0, such as momentum: 0.9")
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
    """Return Adam with decoupled weight decay.

    Source: Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization".

    Args:
        params: Tensors or parameter groups to optimize.
        lr: Learning rate; above 0. Usual peaks are 3e-4 to 2e-2: 3e-4 to 3e-3 for transformers (Steiner et al. 2022,
            arXiv:2106.10270), and up to 1e-2 and more for small networks in short runs (Gugger & Howard 2018, "AdamW
            and Super-convergence is now the fastest way to train neural nets").
        betas: Decay rates of the running averages of the gradient and of its square, each in [0, 1).
        eps: Term added to the denominator for numerical stability; above 0.
        weight_decay: Decoupled weight decay, at least 0; each step shrinks the weights by `lr` times this value.

    Returns:
        A `torch.optim.AdamW`.
    """
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
    """Return True if every parameter is on a GPU, and None to let torch choose otherwise.

    On a CPU, the fused version saves less than one per cent of a training step. It also reads gradients and state
    in the memory layout of the parameter without checking that they have that layout.
    """
    tensors = [tensor for entry in params for tensor in (entry["params"] if isinstance(entry, dict) else [entry])]
    return True if all(tensor.is_cuda for tensor in tensors) else None


def _restoring_layout(optimizer: Optimizer) -> Optimizer:
    """Make `optimizer` restore the memory layout of its state after loading; a file does not store the layout.

    Fused kernels require it: they pair the elements of state and parameter by their position in memory.
    """
    optimizer.register_load_state_dict_post_hook(_restore_layout)
    return optimizer


def _restore_layout(optimizer: Optimizer) -> None:
    for parameter, state in optimizer.state.items():
        for name, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
