"""One optimizer step: forward, loss, backward, update, over one or several micro-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from ..data.loading import Batch
from ..data.preprocessing import Preprocessor
from ..guard import Guards, shown

Precision = Literal["fp32", "bf16", "fp16"]


class Autocast:
    """Makes contexts for the forward pass on `device`: fp32 as it is, bf16 and fp16 by torch's autocast."""

    def __init__(self, device: torch.device, precision: Precision) -> None:
        self._device = device.type
        self._dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]

    def __call__(self) -> AbstractContextManager[Any]:
        """Return a context to run one forward pass in."""
        return nullcontext() if self._dtype is None else torch.autocast(self._device, self._dtype)


@dataclass
class TrainStep:
    """What a training step works with; `forward` is the model, compiled or not.

    `loss` may have weights of its own, which are trained with the model's. `scaler` scales fp16 losses, and is a
    pass-through when disabled. `guards` tell by name which part failed.
    """

    model: nn.Module
    forward: Callable[[Tensor], Tensor]
    loss: nn.Module
    optimizer: torch.optim.Optimizer
    pixels: Preprocessor
    autocast: Autocast
    scaler: GradScaler
    guards: Guards
    clip_norm: float | None = None

    def step(self, batches: Iterable[Batch], samples: int) -> tuple[Tensor, Tensor]:
        """Take one optimizer step over `batches`, which hold `samples` images together.

        Returns the mean loss over the samples (float32) and the number classified correctly (int64), both scalars
        left on the device: reading them here would make the host wait. Raises `ComponentFailure` where a part fails.
        """
        self.guards.optimizer(self.optimizer.zero_grad)
        total_loss, hits = torch.zeros((), device=self.device), torch.zeros((), dtype=torch.int64, device=self.device)
        for batch in batches:
            share = len(batch.labels) / samples
            inputs = self.pixels.for_training(batch.images)
            with self.autocast():
                logits = self.logits_of(inputs)
                loss = self.loss_of(logits.float(), batch.labels) * share
            self.guards.gradient(self.scaler.scale(loss).backward)
            total_loss += loss.detach()
            hits += (logits.detach().argmax(dim=1) == batch.labels).sum()
        if self.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_([*self.model.parameters(), *self.loss.parameters()], self.clip_norm)
        self.guards.optimizer(self.scaler.step, self.optimizer)
        self.scaler.update()
        return total_loss, hits

    def logits_of(self, inputs: Tensor) -> Tensor:
        """Return the logits (B, K) of model inputs; raise `ComponentFailure` where the model makes something else."""
        logits = self.guards.model(self.forward, inputs)
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
