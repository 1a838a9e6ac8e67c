"""Stochastic gradient descent with a higher learning rate for some biases, and with look-ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.optim import SGD

from .lookahead import Lookahead
from .named import Fraction, Named, matching


class ScaledBiasSGD(SGD):
    """Descend with momentum, and with `bias_factor` times the learning rate for biases of normalisation.

    The gradient of these biases is multiplied by `bias_factor`. This is the same as a higher learning rate with a
    weight decay that shrinks them as much as the other weights. So the schedule, the learning rates that are shown
    and the groups of fine-tuning are those of the other weights.

    With `lookahead`, slow weights and slow statistics of batch normalisation follow the trained ones, which are set
    to them after that number of steps. After step s of S they keep the fraction
    ``lookahead_decay ** lookahead * (s / S) ** 3``. The last step of a run ends at the slow weights.

    airbench94 gives its values per 1024 images and decoupled from the momentum m: a learning rate of 11.5 and a
    weight decay of 0.0153. With q = 1 + 1 / (1 - m), the same steps have ``lr: 11.5 / q * B / 1024`` for the mean
    loss of batches of B images, and ``weight_decay: 0.0153 / 11.5``; these are the defaults for B = 1024.

    Source: Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv:2404.00498; scaled biases after Page
    2019, "How to Train Your ResNet"; look-ahead: Zhang et al. 2019, "Lookahead Optimizer: k steps forward, 1 step
    back".

    Args:
        named_params: Names and parameters, or groups of them.
        buffers: Names and floating-point buffers of the model, which look-ahead averages too.
        lr: Learning rate of all weights but the biases; above 0.
        momentum: Momentum factor, in [0, 1).
        nesterov: Use Nesterov momentum; requires `momentum` above 0.
        weight_decay: L2 penalty, at least 0; each step shrinks every weight by `lr` times this value.
        bias_factor: Factor of the learning rate of the biases; above 0. 1 trains them like the others.
        biases: Patterns of the names of these biases, such as ``prep.2.bias``; null: ``*norm*.bias`` and
            ``*bn*.bias``.
        lookahead: Steps after which the weights are averaged, at least 1; null: no look-ahead.
        lookahead_decay: Decay of the average in each step at the end of the run, in [0, 1).

    Raises:
        ValueError: No weight matches `biases`, or `nesterov` is true and `momentum` is 0.
    """

    def __init__(
        self,
        named_params: Named,
        buffers: Iterable[tuple[str, Tensor]],
        *,
        lr: PositiveFloat = 1.5,
        momentum: Fraction = 0.85,
        nesterov: bool = True,
        weight_decay: NonNegativeFloat = 1.33e-3,
        bias_factor: PositiveFloat = 64.0,
        biases: list[str] | None = None,
        lookahead: PositiveInt | None = None,
        lookahead_decay: Fraction = 0.95,
    ) -> None:
        if nesterov and momentum == 0:
            raise ValueError("nesterov: true requires a momentum above 0, such as momentum: 0.85")
        given: list[Any] = list(named_params)
        self._scaled, self._factor = matching(given, biases), bias_factor
        self._lookahead = None if lookahead is None else Lookahead(lookahead, lookahead_decay, buffers)
        super().__init__(given, lr=lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the weights; return the result of `closure`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None and id(weight) in self._scaled:
                    weight.grad.mul_(self._factor)
        self._descend()
        if self._lookahead is not None:
            self._lookahead.after_step(self)
        return loss

    def _descend(self) -> None:
        super().step()
