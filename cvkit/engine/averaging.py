"""Averaged weights: an exponential moving average whose decay increases with the number of updates."""

from __future__ import annotations

import copy
from itertools import chain

import torch
from torch import Tensor, nn

NEEDED = 5  # times 1 / (1 - decay) steps: then the initial weights contribute e^-5, less than 1 %, to the average


class Averaged(nn.Module):
    """The moving average of a model's weights, in `module`; `n_averaged` counts the updates.

    Update t, counted from 0, keeps the fraction min(decay, (1 + t) / (10 + t)) of the previous average, like
    TensorFlow's ``ExponentialMovingAverage`` with ``num_updates``. The first update copies the weights. So the
    average of a short run covers about its last tenth instead of its beginning. Floating-point buffers, such as the
    statistics of batch normalisation, are averaged too. Integer buffers are copied, and so are buffers that are not
    finite at first, such as masks.
    """

    n_averaged: Tensor

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(model)
        self.register_buffer("n_averaged", torch.tensor(0, dtype=torch.long))  # on the CPU, so reading it never waits
        self._decay = decay
        self._averages = [_can_be_averaged(tensor) for tensor in _tensors(model)]

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Update the average with the weights of `model`."""
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
    """Return the decay of update `t`, counted from 0."""
    return min(decay, (1 + t) / (10 + t))


def too_long(decay: float, steps: int) -> str | None:
    """Return a warning if a run of `steps` optimizer steps is too short for an average with `decay`."""
    needed = NEEDED / (1 - decay)
    if steps >= needed:
        return None
    advice = (
        f". Set train.ema to {max(1 - NEEDED / steps, 0.01):.2g} for this number of steps" if steps > NEEDED else ""
    )
    return (
        f"train.ema is {decay:g}, which requires about {needed:,.0f} optimizer steps or more, but only {steps:,} are "
        f"planned. The average covers about the last tenth of them{advice}"
    )


def _tensors(model: nn.Module) -> list[Tensor]:
    return [tensor.detach() for tensor in chain(model.parameters(), model.buffers())]


def _can_be_averaged(tensor: Tensor) -> bool:
    return (tensor.is_floating_point() or tensor.is_complex()) and bool(tensor.isfinite().all())
