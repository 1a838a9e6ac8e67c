"""One optimizer step over one or several batches: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from ..data.loading import Batch
from .forward import ForwardPass
from .freezing import Freezing

_MIXED = -(1 << 40)  # more than the images of an epoch, so that a sum of correct predictions with it is negative


@dataclass(frozen=True)
class TrainStep:
    """Takes optimizer steps with a `forward` pass.

    Weights of the loss are trained together with the model's. `scaler` scales fp16 losses and does nothing if it is
    disabled. `clip_norm` limits the norm of the gradient. `freezing` names what is not trained in an epoch.
    """

    forward: ForwardPass
    optimizer: torch.optim.Optimizer
    scaler: GradScaler
    clip_norm: float | None = None
    freezing: Freezing = field(default_factory=Freezing)

    def take(self, batches: Iterable[Batch], samples: int) -> tuple[Tensor, Tensor]:
        """Take one optimizer step over `batches`, which contain `samples` images in total.

        Returns the mean loss over the samples (float32) and the number of correct predictions (int64), which is
        negative if targets were mixed, because a mixed image has no label to compare with. Both are scalars on the
        device: reading them here would make the host wait. Raises `ComponentFailure` if a part fails.
        """
        forward, guards, device = self.forward, self.forward.guards, self.forward.device
        guards.optimizer(self.optimizer.zero_grad)
        total_loss, hits = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        for batch in batches:
            share = len(batch.labels) / samples
            inputs, targets = forward.preprocessor.for_training(batch.images, batch.labels)
            with forward.autocast():
                logits = forward.logits_of(inputs)
                loss = forward.loss_of(logits.float(), targets) * share
            guards.gradient(self.scaler.scale(loss).backward)
            total_loss += loss.detach()
            hits += (logits.detach().argmax(dim=1) == batch.labels).sum()
            if forward.preprocessor.mixes:
                hits += _MIXED * (targets != forward.preprocessor.one_hot(batch.labels)).any()
        if self.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_([*forward.model.parameters(), *forward.loss.parameters()], self.clip_norm)
        guards.optimizer(self.scaler.step, self.optimizer)
        self.scaler.update()
        return total_loss, hits
