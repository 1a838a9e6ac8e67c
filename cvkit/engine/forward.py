"""The forward pass: images to logits and their loss. Training and evaluation share it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..data.preprocessing import Preprocessor
from ..guard import Guards, shown
from ..recipe.settings import Precision


class Autocast:
    """Makes contexts for the forward pass on `device`: fp32 as it is, bf16 and fp16 by torch's autocast."""

    def __init__(self, device: torch.device, precision: Precision) -> None:
        self._device = device.type
        self._dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]

    def __call__(self) -> AbstractContextManager[Any]:
        """Return a context to run one forward pass in."""
        return nullcontext() if self._dtype is None else torch.autocast(self._device, self._dtype)


@dataclass(frozen=True)
class ForwardPass:
    """A model and a loss at work; an error names the part that failed.

    `call`: the model, compiled or not. `loss` may have weights of its own. `preprocessor` makes images model inputs.
    """

    model: nn.Module
    call: Callable[[Tensor], Tensor]
    loss: nn.Module
    preprocessor: Preprocessor
    autocast: Autocast
    guards: Guards

    def logits_of(self, inputs: Tensor) -> Tensor:
        """Return the logits (B, K) of model inputs; raise `ComponentFailure` where the model makes something else."""
        logits = self.guards.model(self.call, inputs)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(inputs):
            made = f"makes {shown(logits)} of images {shown(inputs)}"
            raise self.guards.model.failure(f"{made}, not logits ({len(inputs)}, K)")
        return logits

    def loss_of(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch; raise `ComponentFailure` where the loss is not one number."""
        loss = self.guards.loss(self.loss, logits, labels)
        if not isinstance(loss, Tensor) or loss.ndim:
            made = f"returns {shown(loss)}"
            raise self.guards.loss.failure(f"{made}, where the batch's mean loss, a scalar, is needed")
        return loss

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return next(self.model.parameters()).device
