"""The forward pass, from images to logits and loss. Training and evaluation share it."""

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
    """Creates contexts for the forward pass on `device`: none for fp32, and torch's autocast for bf16 and fp16."""

    def __init__(self, device: torch.device, precision: Precision) -> None:
        self._device = device.type
        self._dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]

    def __call__(self) -> AbstractContextManager[Any]:
        """Return a context for one forward pass."""
        return nullcontext() if self._dtype is None else torch.autocast(self._device, self._dtype)


@dataclass(frozen=True)
class ForwardPass:
    """A model and a loss. Errors name the component that failed.

    Attributes:
        model: The model.
        call: The model as it is called, compiled or not.
        loss: The loss, which may have weights.
        preprocessor: Turns images into model inputs.
        autocast: Creates the precision context.
        guards: The guards of the components.
    """

    model: nn.Module
    call: Callable[[Tensor], Tensor]
    loss: nn.Module
    preprocessor: Preprocessor
    autocast: Autocast
    guards: Guards

    def logits_of(self, inputs: Tensor) -> Tensor:
        """Return the logits (B, K) of model inputs; raise `ComponentFailure` if the model returns anything else."""
        logits = self.guards.model(self.call, inputs)
        if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(inputs):
            made = f"returned {shown(logits)} for images {shown(inputs)}"
            raise self.guards.model.failure(f"{made}; expected logits ({len(inputs)}, K)")
        return logits

    def loss_of(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of a batch; raise `ComponentFailure` if the loss is not a scalar."""
        loss = self.guards.loss(self.loss, logits, labels)
        if not isinstance(loss, Tensor) or loss.ndim:
            made = f"returned {shown(loss)}"
            raise self.guards.loss.failure(f"{made}; expected the mean loss of the batch, a scalar")
        return loss

    @property
    def device(self) -> torch.device:
        """The device of the model."""
        return next(self.model.parameters()).device
