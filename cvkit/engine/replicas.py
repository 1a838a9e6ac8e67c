"""`Replicas`: model and loss are the same in all processes after each step, without a wrapper around them.

Each process computes the gradient of its share of a batch, weighted by its share of the images. So the sum over the
processes is the gradient of the global batch, and a process without images adds nothing. The changes of buffers, such
as the statistics of batch normalisation, are averaged with the same weights; whole numbers become the largest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from ..batch_division import Divided, GlobalBatch, during
from ..data.loading import Batch
from ..seeding import preserved_randomness, seed_everything
from ..world.exchange import any_of, combine, gather_rows
from ..world.world import World


class Replicas:
    """The copies of `modules`, in all processes of `world`, that training keeps equal."""

    def __init__(self, world: World, *modules: nn.Module) -> None:
        self.world, self._modules = world, modules
        self._agreed: tuple[bool, ...] = ()
        self._before: list[Tensor] = []
        self._versions: list[tuple[int, int]] = []

    @property
    def alone(self) -> bool:
        """Whether there is only this process."""
        return self.world.size == 1

    def rows_of(self, batch: Batch) -> AbstractContextManager[None]:
        """Tell augmentations within the block which rows of the global batch `batch` has."""
        if self.alone:
            return nullcontext()
        return during(Divided(GlobalBatch(batch.total, self.world.share.rows), partial(self._gathered, batch.total)))

    def _gathered(self, total: int, rows: Tensor) -> Tensor:
        self.world.agree()
        return gather_rows(self.world, rows, total)

    @contextmanager
    def own_draws(self, batch: int) -> Iterator[None]:
        """Let model and loss draw other numbers in each process within the block, for batch number `batch` of a step.

        The same numbers would, for example, drop the same units for images that differ in rank only. Afterwards
        the generators are again where they are in all processes.
        """
        if self.alone:
            yield
            return
        with preserved_randomness():
            seed_everything("process", torch.initial_seed(), batch, self.world.rank)
            yield

    def begin(self) -> None:
        """Remember the buffers before a gradient is computed."""
        if not self.alone:
            floats, others = self._buffers()
            self._before = [buffer.clone() for buffer in floats]
            self._versions = [_version(buffer) for buffer in others]

    @torch.no_grad()
    def combine(self, share: float, measures: Tensor) -> Tensor:
        """Sum the gradients and `measures`, float32 (M,), and average the changed buffers; return the sums.

        `share` is the fraction of the step's images that this process had.
        """
        if self.alone:
            return measures
        weights, (floats, others) = self._weights(), self._buffers()
        changed = [_version(buffer) != before for buffer, before in zip(others, self._versions, strict=True)]
        flags = (*(weight.grad is not None for weight in weights), *changed)
        if self.world.agree(flags != self._agreed):
            self._agreed = any_of(self.world, flags)
        summed: list[Tensor] = []
        for weight, has_gradient in zip(weights, self._agreed, strict=False):
            if has_gradient:
                if weight.grad is None:  # no image of this process has reached the weight
                    weight.grad = torch.zeros_like(weight)
                summed.append(weight.grad)
        # Batch normalisation changes its statistics without a new version of the tensor, so all buffers are compared.
        pairs = list(zip(floats, self._before, strict=True))
        moved = [torch.where(now == before, 0, now - before) * share for now, before in pairs]
        sums = measures.clone()
        combine(self.world, [*summed, *moved, sums])
        for (now, before), change in zip(pairs, moved, strict=True):
            now.copy_(before + change)
        counters = [each for each, is_new in zip(others, self._agreed[len(weights) :], strict=True) if is_new]
        combine(
            self.world,
            [each.view(torch.uint8) if each.dtype == torch.bool else each for each in counters],
            largest=True,
        )
        return sums

    def _weights(self) -> Sequence[nn.Parameter]:
        return [weight for module in self._modules for weight in module.parameters()]

    def _buffers(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the buffers of floating-point numbers, and the others."""
        buffers = [buffer for module in self._modules for buffer in module.buffers()]
        floats = [buffer for buffer in buffers if buffer.is_floating_point()]
        return floats, [buffer for buffer in buffers if not buffer.is_floating_point()]


def _version(tensor: Tensor) -> tuple[int, int]:
    """Return what differs after a tensor was changed or replaced."""
    return id(tensor), tensor._version
