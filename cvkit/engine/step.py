"""One optimizer step over one or several batches: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from ..data.label_forms import NO_HITS
from ..data.loading import Batch
from ..seeding import preserved_randomness
from .forward import ForwardPass
from .freezing import Freezing


class Inputs(NamedTuple):
    """A batch as model and loss receive it.

    Attributes:
        images: Augmented and normalised, float (B, C, H, W).
        targets: What the loss compares with: the labels, or mixed targets, float (B, K).
        labels: int64 (B,), or label sets, float32 (B, K).
    """

    images: Tensor
    targets: Tensor
    labels: Tensor


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
        negative if there is nothing to compare with: a mixed image has no label, and a label set needs thresholds.
        Both are scalars on the device: reading them here would make the host wait. Raises `ComponentFailure` if a
        part fails.
        """
        prepare = self.forward.preprocessor.for_training
        inputs = (Inputs(*prepare(batch.images, batch.labels), batch.labels) for batch in batches)
        if needs_closure(self.optimizer):
            return self._take_with_closure(list(inputs), samples)
        taken = self._gradient(inputs, samples)
        self.forward.guards.optimizer(self.scaler.step, self.optimizer)
        self.scaler.update()
        return taken

    def _take_with_closure(self, inputs: list[Inputs], samples: int) -> tuple[Tensor, Tensor]:
        """Let the optimizer compute the gradient as often as it needs, on the same inputs with the same draws.

        Buffers, such as the statistics of batch normalisation, change in the first computation only.
        """
        results: list[tuple[Tensor, Tensor]] = []
        guard, forward = self.forward.guards.optimizer, self.forward

        def closure() -> Tensor:
            buffers = [each for part in (forward.model, forward.loss) for each in part.buffers()] if results else []
            before = [buffer.clone() for buffer in buffers]
            with preserved_randomness():
                results.append(self._gradient(inputs, samples))
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)
            return results[-1][0]

        guard(self.optimizer.step, closure)
        if not results:
            raise guard.failure("declares needs_closure, but its step() does not call the closure")
        return results[0]

    def _gradient(self, inputs: Iterable[Inputs], samples: int) -> tuple[Tensor, Tensor]:
        """Compute the gradient over batches of model inputs; return what `take` does."""
        forward, guards, device = self.forward, self.forward.guards, self.forward.device
        guards.optimizer(self.optimizer.zero_grad)
        total_loss, hits = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        for images, targets, labels in inputs:
            share = len(labels) / samples
            with forward.autocast():
                logits = forward.logits_of(images)
                loss = forward.loss_of(logits.float(), targets) * share
            guards.gradient(self.scaler.scale(loss).backward)
            total_loss += loss.detach()
            hits += forward.preprocessor.labels.hits(logits, labels)
            if forward.preprocessor.mixes:
                hits += NO_HITS * (targets != forward.preprocessor.targets(labels)).any()
        if self.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_([*forward.model.parameters(), *forward.loss.parameters()], self.clip_norm)
        return total_loss, hits


def needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Whether ``step()`` needs a function that computes the gradient again."""
    return bool(getattr(optimizer, "needs_closure", False))
