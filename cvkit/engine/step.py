"""One optimizer step over one or several batches: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler

from ..data.label_forms import NO_HITS
from ..data.loading import Batch
from ..host.component import MAIN_TERM
from ..seeding import preserved_randomness
from ..world.world import World
from .forward import ForwardPass
from .freezing import Freezing
from .progress import Taken
from .replicas import Replicas


class Inputs(NamedTuple):
    """A batch as model and loss receive it.

    Attributes:
        images: Augmented and normalised, float (B, C, H, W).
        targets: What the loss compares with: the labels, or soft or mixed targets, float (B, K).
        labels: int64 (B,), or label sets, float32 (B, K).
        soft: The soft labels of the data set, float (B, K), or None.
        pixels: Augmented, float (B, C, H, W) in [0, 1]; None unless the loss takes them.
    """

    images: Tensor
    targets: Tensor
    labels: Tensor
    soft: Tensor | None
    pixels: Tensor | None


@dataclass(frozen=True)
class TrainStep:
    """Takes optimizer steps with a `forward` pass.

    Weights of the loss are trained together with the model's. `scaler` scales fp16 losses and does nothing if it is
    disabled. `clip_norm` limits the norm of the gradient. `freezing` names what is not trained in an epoch.
    `replicas` are the model and the loss in all processes.
    """

    forward: ForwardPass
    optimizer: torch.optim.Optimizer
    scaler: GradScaler
    clip_norm: float | None = None
    freezing: Freezing = field(default_factory=Freezing)
    replicas: Replicas = field(default_factory=lambda: Replicas(World()))

    def take(self, batches: Iterable[Batch], samples: int) -> Taken:
        """Take one optimizer step over `batches`, which contain `samples` images in total.

        If several processes train together, each has its rows of the batches, and `samples` counts those of all.
        Raises `ComponentFailure` if a part fails.
        """
        with training_mode(self.optimizer, self.forward.guards.optimizer):
            return self._take((self._inputs(batch) for batch in batches), samples)

    def _take(self, inputs: Iterable[Inputs], samples: int) -> Taken:
        if needs_closure(self.optimizer):
            return self._take_with_closure(list(inputs), samples)
        taken = self._gradient(inputs, samples)
        self.forward.guards.optimizer(self.scaler.step, self.optimizer)
        self.scaler.update()
        return taken

    def _inputs(self, batch: Batch) -> Inputs:
        forward = self.forward
        with self.replicas.rows_of(batch):
            augmented, targets = forward.preprocessor.augment(batch.images, batch.labels, batch.soft)
        pixels = augmented if forward.takes_images else None
        return Inputs(forward.preprocessor.normalize(augmented), targets, batch.labels, batch.soft, pixels)

    def _take_with_closure(self, inputs: list[Inputs], samples: int) -> Taken:
        """Let the optimizer compute the gradient as often as it needs, on the same inputs with the same draws.

        Buffers, such as the statistics of batch normalisation, change in the first computation only.
        """
        results: list[Taken] = []
        guard, forward = self.forward.guards.optimizer, self.forward

        def closure() -> Tensor:
            buffers = [each for part in (forward.model, forward.loss) for each in part.buffers()] if results else []
            before = [buffer.clone() for buffer in buffers]
            with preserved_randomness():
                results.append(self._gradient(inputs, samples))
            for buffer, value in zip(buffers, before, strict=True):
                buffer.copy_(value)
            return results[-1].loss

        guard(self.optimizer.step, closure)
        if not results:
            raise guard.failure("declares needs_closure, but its step() does not call the closure")
        return results[0]

    def _gradient(self, inputs: Iterable[Inputs], samples: int) -> Taken:
        """Compute the gradient over batches of model inputs; return what `take` does."""
        forward, guards, device = self.forward, self.forward.guards, self.forward.device
        guards.optimizer(self.optimizer.zero_grad)
        self.replicas.begin()
        seen = 0
        total_loss, hits = torch.zeros((), device=device), torch.zeros((), dtype=torch.int64, device=device)
        total_terms: dict[str, Tensor] = {}
        for number, (images, targets, labels, soft, pixels) in enumerate(inputs):
            if not len(labels):  # other processes have all images of a small batch
                continue
            share = len(labels) / samples
            seen += len(labels)
            with self.replicas.own_draws(number):
                with forward.autocast():
                    logits, terms = forward.terms_of(images, targets, pixels)
                    loss = forward.weighted(terms) * share
                guards.gradient(self.scaler.scale(loss).backward)
            total_loss += loss.detach()
            if forward.loss_weights:
                for name, term in terms.items():
                    total_terms[name] = total_terms.get(name, 0) + term.detach() * share
            hits += forward.preprocessor.labels.hits(logits, labels)
            if forward.preprocessor.mixes:
                hits += NO_HITS * (targets != forward.preprocessor.unmixed(labels, soft)).any()
        taken = self._of_all_processes(Taken(total_loss, hits, total_terms), seen / samples)
        if self.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_([*forward.model.parameters(), *forward.loss.parameters()], self.clip_norm)
        return taken

    def _of_all_processes(self, taken: Taken, share: float) -> Taken:
        """Sum the gradient and the measurements over all processes; this one had `share` of the images."""
        if self.replicas.alone:
            return taken
        names = [MAIN_TERM, *self.forward.loss_weights] if self.forward.loss_weights else []
        nothing = torch.zeros_like(taken.loss)
        values = [taken.loss, taken.hits.float(), *(taken.terms.get(name, nothing) for name in names)]
        loss, hits, *terms = self.replicas.combine(share, torch.stack(values)).unbind()
        return Taken(loss, hits.long(), dict(zip(names, terms, strict=True)))


def needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Whether ``step()`` needs a function that computes the gradient again."""
    return bool(getattr(optimizer, "needs_closure", False))


@contextmanager
def training_mode(optimizer: torch.optim.Optimizer, guard: Callable[[Callable[[], Any]], Any]) -> Iterator[None]:
    """Set an optimizer with two modes to the mode for training, within the block.

    Such an optimizer, as a schedule-free one, trains at other weights than it is evaluated at. The weights between
    steps are always those for evaluation. So results do not depend on when a run is evaluated or saved.
    """
    modes: Any = optimizer
    if not all(callable(getattr(optimizer, mode, None)) for mode in ("train", "eval")):
        yield
        return
    guard(modes.train)
    try:
        yield
    finally:
        guard(modes.eval)
