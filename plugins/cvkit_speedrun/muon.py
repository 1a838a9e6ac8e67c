"""Muon for the kernels of convolutions, and SGD with scaled biases for the other weights, as in airbench94_muon."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from pydantic import NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor

from cvkit import orthogonalised

from .named import Fraction, Named
from .sgd import ScaledBiasSGD


class MuonSGD(ScaledBiasSGD):
    """Descend along the orthogonalised momentum of each convolution kernel, and by SGD in all other weights.

    A kernel (O, I, H, W) is a matrix (O, I * H * W). Before each step it is scaled to the norm sqrt(O): batch
    normalisation makes its length irrelevant. The other weights are updated as by ``speedrun/scaled_bias_sgd``, at
    `sgd_factor` times the rate of the kernels. So a tuner or a schedule that changes `lr` changes both rates alike.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
    <https://kellerjordan.github.io/posts/muon/>, and ``airbench94_muon.py`` of
    <https://github.com/KellerJordan/cifar10-airbench>. Its rates are the defaults, 0.24 and 1.66, for the mean loss
    of batches of 2000 images and the head of ``speedrun/airbench``.

    Args:
        named_params: Names and parameters, or groups of them.
        buffers: Names and floating-point buffers of the model, which look-ahead averages too.
        lr: Learning rate of the kernels; above 0.
        momentum: Momentum of the kernels, in [0, 1), with Nesterov's step.
        ns_steps: Newton-Schulz iterations that orthogonalise a matrix, at least 1.
        sgd_factor: Learning rate of the other weights divided by `lr`; above 0.
        sgd_momentum: Momentum of the other weights, above 0 and below 1, with Nesterov's step.
        weight_decay: L2 penalty of the other weights, at least 0.
        bias_factor: Factor of the learning rate of the biases; above 0.
        biases: Patterns of the names of these biases; null: ``*norm*.bias`` and ``*bn*.bias``.
        lookahead: Steps after which the weights are averaged, at least 1; null: no look-ahead.
        lookahead_decay: Decay of the average in each step at the end of the run, in [0, 1).

    Raises:
        ValueError: No weight matches `biases`, or `sgd_momentum` is 0.
    """

    def __init__(
        self,
        named_params: Named,
        buffers: Iterable[tuple[str, Tensor]],
        *,
        lr: PositiveFloat = 0.24,
        momentum: Fraction = 0.6,
        ns_steps: PositiveInt = 3,
        sgd_factor: PositiveFloat = 6.916666666666667,  # 1.66 / 0.24
        sgd_momentum: Fraction = 0.85,
        weight_decay: NonNegativeFloat = 2.4e-3,
        bias_factor: PositiveFloat = 64.0,
        biases: list[str] | None = None,
        lookahead: PositiveInt | None = None,
        lookahead_decay: Fraction = 0.95,
    ) -> None:
        if sgd_momentum == 0:
            raise ValueError("sgd_momentum must be above 0, because the step is Nesterov's")
        super().__init__(
            named_params,
            buffers,
            lr=lr,
            momentum=momentum,
            nesterov=momentum > 0,
            weight_decay=weight_decay,
            bias_factor=bias_factor,
            biases=biases,
            lookahead=lookahead,
            lookahead_decay=lookahead_decay,
        )
        self._ns_steps, self._sgd_momentum, self._sgd_factor = ns_steps, sgd_momentum, sgd_factor

    def _descend(self) -> None:
        for group in self.param_groups:
            if group["lr"] == 0:  # not even the norm of a kernel changes
                continue
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                if weight.ndim == 4 and min(weight.shape[0], weight[0].numel()) > 1:
                    self._step_kernel(weight, weight.grad, group)
                else:
                    self._step_other(weight, weight.grad, group)

    def _step_kernel(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        update = self._momentum(weight, gradient, group["momentum"])
        weight.mul_(len(weight) ** 0.5 / weight.norm().clamp(min=1e-12))
        moved = orthogonalised(update.flatten(1), self._ns_steps).view_as(update)
        weight.sub_(moved.to(weight.dtype), alpha=group["lr"])

    def _step_other(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        gradient = gradient.add(weight, alpha=group["weight_decay"])
        update = self._momentum(weight, gradient, self._sgd_momentum)
        weight.sub_(update, alpha=group["lr"] * self._sgd_factor)

    def _momentum(self, weight: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        """Add the gradient to the weight's momentum, and return the update of Nesterov's step."""
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        buffer: Tensor = state["momentum_buffer"].mul_(momentum).add_(gradient)
        return gradient.add(buffer, alpha=momentum)
