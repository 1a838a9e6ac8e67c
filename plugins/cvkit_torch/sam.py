"""Sharpness-aware minimization: the gradient at the worst point near the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat
from torch import Tensor
from torch.optim import SGD

from .optimizers import Fraction, Params


class SAM(SGD):
    """Descend along the gradient at w + rho * g / |g|, where g is the gradient at the weights w.

    Each step computes the gradient twice. g is the gradient of all weights together, over all parameter groups. The
    update is that of stochastic gradient descent with momentum.

    Source: Foret et al. 2021, "Sharpness-Aware Minimization for Efficiently Improving Generalization".

    Args:
        params: Tensors or parameter groups to optimize.
        lr: Learning rate; above 0. Usual peaks are those of SGD, 0.03 to 1.
        rho: Distance to the point where the gradient is taken; above 0.
        momentum: Momentum factor, in [0, 1).
        nesterov: Use Nesterov momentum; requires `momentum` above 0.
        weight_decay: L2 penalty, at least 0; it is no part of g.
    """

    needs_closure = True

    def __init__(
        self,
        params: Params,
        *,
        lr: PositiveFloat = 0.1,
        rho: Annotated[float, Field(gt=0)] = 0.05,
        momentum: Fraction = 0.9,
        nesterov: bool = False,
        weight_decay: NonNegativeFloat = 0.0,
    ) -> None:
        groups: list[Any] = list(params)
        super().__init__(groups, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
        self._rho = rho

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the weights; `closure` computes the gradient at the current weights. Return its first result."""
        if closure is None:
            raise ValueError("SAM needs a closure that computes the gradient again")
        with torch.enable_grad():
            loss = closure()
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        own = [weight.clone() for weight in weights]
        gradients: list[Tensor] = [weight.grad for weight in weights if weight.grad is not None]
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm() + 1e-12
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.add_(gradient * (self._rho / norm))
        with torch.enable_grad():
            closure()
        for weight, value in zip(weights, own, strict=True):
            weight.copy_(value)
        super().step()
        return loss
