"""Muon: orthogonalised momentum for the matrices of hidden layers, and AdamW for the other weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt
from torch import Tensor
from torch.optim import Optimizer

from cvkit import orthogonalised

Fraction = Annotated[float, Field(ge=0, lt=1)]
Named = Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]

_NOT_HIDDEN = ("*embed*", "*cls_token*", "*class_token*", "*reg_token*", "*bias_table*", "loss..*")


class Muon(Optimizer):
    """Descend along the orthogonalised momentum of each hidden matrix, and with AdamW in all other weights.

    Convolution kernels (O, I, H, W) are matrices (O, I * H * W). AdamW trains vectors and scalars, such as biases and
    normalisation, embeddings, and the classifier. A step of a matrix (A, B) is multiplied
    by 0.2 * sqrt(max(A, B)), so that it is as long as a step of AdamW (Liu et al. 2025, "Muon is Scalable for LLM
    Training"). So one learning rate and one weight decay suit both.

    Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks",
    <https://kellerjordan.github.io/posts/muon/>.

    Args:
        named_params: Names and parameters, or groups of them.
        lr: Learning rate; above 0. Usual peaks are those of AdamW, 3e-4 to 2e-2, because of the length of a step.
        momentum: Momentum of the matrices, in [0, 1).
        nesterov: Use Nesterov momentum for the matrices.
        weight_decay: Decoupled weight decay, at least 0.
        ns_steps: Newton-Schulz iterations that orthogonalise a matrix.
        adamw_betas: Decay rates of AdamW's averages of the gradient and of its square, each in [0, 1).
        adamw_eps: Term added to AdamW's denominator; above 0.
        adamw: Patterns of the names of weights that AdamW trains, besides vectors and scalars, such as ``head.*``;
            null: embeddings, weights of the loss, and the
            classifier: the parameter group ``head``, or else the last matrix.
    """

    def __init__(
        self,
        named_params: Named,
        *,
        lr: PositiveFloat = 1e-3,
        momentum: Fraction = 0.95,
        nesterov: bool = True,
        weight_decay: NonNegativeFloat = 0.01,
        ns_steps: PositiveInt = 5,
        adamw_betas: tuple[Fraction, Fraction] = (0.9, 0.95),
        adamw_eps: PositiveFloat = 1e-8,
        adamw: list[str] | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": weight_decay,
            "ns_steps": ns_steps,
            "adamw_betas": tuple(adamw_betas),
            "adamw_eps": adamw_eps,
        }
        given: list[Any] = list(named_params)
        self._matrices = _hidden_matrices(given, adamw)
        super().__init__(given, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Update every weight that has a gradient; return the result of `closure`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                if id(weight) in self._matrices:
                    self._step_matrix(weight, weight.grad, group)
                else:
                    self._step_adamw(weight, weight.grad, group)
        return loss

    def _step_matrix(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, beta = self.state[weight], group["momentum"]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        momentum = state["momentum"].lerp_(gradient, 1 - beta)
        update = gradient.lerp(momentum, beta) if group["nesterov"] else momentum
        flat = update.flatten(1)
        rate = group["lr"] * 0.2 * math.sqrt(max(flat.shape))
        weight.sub_(orthogonalised(flat, group["ns_steps"]).view_as(update).to(weight.dtype), alpha=rate)

    def _step_adamw(self, weight: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[weight], group["adamw_betas"]
        if not state:
            state |= {"step": 0, "average": torch.zeros_like(weight), "square": torch.zeros_like(weight)}
        state["step"] += 1
        average = state["average"].lerp_(gradient, 1 - beta1)
        square = state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        scale = math.sqrt(1 - beta2 ** state["step"])
        weight.addcdiv_(
            average,
            (square.sqrt() / scale).add_(group["adamw_eps"]),
            value=-group["lr"] / (1 - beta1 ** state["step"]),
        )


def _hidden_matrices(given: list[Any], patterns: list[str] | None) -> set[int]:
    """Return the ids of the weights in `given`, pairs or groups of them, that are matrices of hidden layers."""
    groups = [entry if isinstance(entry, dict) else {"params": [entry]} for entry in given]
    matrices = {
        name: (weight, str(group.get("name", "")).partition(",")[0] == "head")
        for group in groups
        for name, weight in group["params"]
        if weight.ndim >= 2 and min(weight.shape[0], weight[0].numel()) > 1  # not the scales of channels
    }
    if patterns is None:
        heads = [name for name, (_, of_head) in matrices.items() if of_head]
        last = [name for name in matrices if not name.startswith("loss..")][-1:]
        patterns = [*_NOT_HIDDEN, *(heads or last)]
    return {
        id(weight)
        for name, (weight, _) in matrices.items()
        if not any(fnmatchcase(name, pattern) for pattern in patterns)
    }
