"""One optimizer step: forward, loss, backward, update, over one or several micro-batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from .batches import Batch
from .pixels import Pixels

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
class Learner:
    """What a training step works with; `forward` is the model, compiled or not.

    `scaler` scales fp16 losses, and is a pass-through when disabled.
    """

    model: nn.Module
    forward: Callable[[Tensor], Tensor]
    loss: nn.Module
    optimizer: torch.optim.Optimizer
    pixels: Pixels
    autocast: Autocast
    scaler: GradScaler
    clip_norm: float | None = None

    def step(self, batches: Iterable[Batch], samples: int) -> tuple[Tensor, Tensor]:
        """Take one optimizer step over `batches`, which hold `samples` images together.

        Returns the mean loss over the samples (float32) and the number classified correctly (int64), both scalars
        left on the device: reading them here would make the host wait.
        """
        self.optimizer.zero_grad(set_to_none=True)
        total_loss, hits = torch.zeros((), device=self.device), torch.zeros((), dtype=torch.int64, device=self.device)
        for batch in batches:
            share = len(batch.labels) / samples
            inputs = self.pixels.for_training(batch.images)
            with self.autocast():
                logits = self.forward(inputs)
                loss = self.loss(logits.float(), batch.labels) * share
            self.scaler.scale(loss).backward()
            total_loss += loss.detach()
            hits += (logits.detach().argmax(dim=1) == batch.labels).sum()
        if self.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return total_loss, hits

    @property
    def device(self) -> torch.device:
        """Where the model lives."""
        return next(self.model.parameters()).device
