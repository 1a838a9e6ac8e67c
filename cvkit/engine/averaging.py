"""Averaged weights: an exponential moving average whose decay grows with the updates it has seen."""

from __future__ import annotations

import copy
from itertools import chain

import torch
from torch import Tensor, nn

NEEDED = 5  # times 1 / (1 - decay) steps: the weights of the start then have e^-5, under 1 %, of the average


class Averaged(nn.Module):
    """The average of a model's weights over its training, as `module`; `n_averaged` counts the updates.

    Update t, from 0, keeps min(decay, (1 + t) / (10 + t)) of the average so far, as TensorFlow's
    ``ExponentialMovingAverage`` does with ``num_updates``; the first one takes the weights as they are. So a short
    run is averaged over its last tenth or so instead of over its beginning. Statistics, such as those of batch
    normalisation, are averaged too; buffers of integers, and those not finite at first, as masks are, are copied.
    """

    n_averaged: Tensor

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", torch.tensor(0, dtype=torch.long))  # on the CPU: reading it waits for none
        self._decay = decay
        self._averages = [_can_be_averaged(tensor) for tensor in _tensors(model)]

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the weights of `model` into the average."""
        t = int(self.n_averaged)
        pairs = list(zip(_tensors(self.module), _tensors(model), self._averages, strict=True))
        averaged = [(own, new) for own, new, averages in pairs if averages and t]
        for own, new, averages in pairs:
            if not (averages and t):
                own.copy_(new)
        if averaged:
            owned, latest = [own for own, _ in averaged], [new for _, new in averaged]
            torch._foreach_lerp_(owned, latest, 1 - ramped(self._decay, t))
        self.n_averaged += 1


def ramped(decay: float, t: int) -> float:
    """Return the decay of update `t`, from 0."""
    return min(decay, (1 + t) / (10 + t))


def too_long(decay: float, steps: int) -> str | None:
    """Return a warning where an average with `decay` is longer than a run of `steps` optimizer steps allows."""
    needed = NEEDED / (1 - decay)
    if steps >= needed:
        return None
    advice = f"; {max(1 - NEEDED / steps, 0.01):.2g} suits so many" if steps > NEEDED else ""
    return (
        f"train.ema is {decay:g}, which suits a run of about {needed:,.0f} optimizer steps or more, and {steps:,} "
        f"are planned. The average then covers the last tenth of them or so{advice}"
    )


def _tensors(model: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in chain(model.parameters(), model.buffers())]


def _can_be_averaged(tensor: Tensor) -> bool:
    return (tensor.is_floating_point() or tensor.is_complex()) and bool(tensor.isfinite().all())
