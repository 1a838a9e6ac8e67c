"""Look-ahead: slow weights follow the trained ones, which are set back to them every few steps.

The slow weights hardly differ from the trained ones at first, so that training moves fast, and average many steps at
the end. They are part of the optimizer's state, and so of checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from cvkit import Progress, progress

_UNKNOWN = Progress(epoch=0, step=0, epochs=1, steps=2)  # outside a run: at its beginning, so nothing is averaged
_SLOW, _STEPS = "slow", "lookahead_steps"


class Lookahead:
    """Averages the weights of an optimizer, and `buffers`, every `every` steps; `decay` is that of a step at the end.

    Before step s of S, counted from 0, the slow weights keep the fraction ``decay ** every * ((s + 1) / S) ** 3``.
    After the last step of a run, the weights are the slow ones. A weight without a gradient is left as it is.

    Source: Zhang et al. 2019, "Lookahead Optimizer: k steps forward, 1 step back", with the schedule of airbench94,
    <https://github.com/KellerJordan/cifar10-airbench>.
    """

    def __init__(self, every: int, decay: float, buffers: Iterable[tuple[str, Tensor]]) -> None:
        self.every, self.decay, self._buffers = every, decay, list(buffers)

    @torch.no_grad()
    def after_step(self, optimizer: Optimizer) -> None:
        """Count a step of `optimizer`; average the weights and set them to the average if it is time."""
        own = optimizer.state[optimizer.param_groups[0]["params"][0]]
        taken = own[_STEPS] = own.get(_STEPS, 0) + 1
        now = progress(default=_UNKNOWN)
        if taken % self.every == 0:
            kept = self.decay**self.every * ((now.step + 1) / now.steps) ** 3
            for value, state, key in self._averaged(optimizer):
                if key in state:
                    value.copy_(state[key].lerp_(value, 1 - kept))
                else:
                    state[key] = value.detach().clone()
        if now.step == now.steps - 1 and taken <= now.steps:  # a tuner's trial may take more steps than the run
            for value, state, key in self._averaged(optimizer):
                if key in state:
                    value.copy_(state[key])

    def _averaged(self, optimizer: Optimizer) -> Iterator[tuple[Tensor, dict[str, Any], str]]:
        """Yield each weight and buffer with the state that has its slow value, and the key of this value."""
        for group in optimizer.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    optimizer.state[weight].pop(_SLOW, None)  # if it is trained again, it begins where it is
                else:
                    yield weight, optimizer.state[weight], _SLOW
        own = optimizer.state[optimizer.param_groups[0]["params"][0]]
        for name, buffer in self._buffers:
            yield buffer, own, f"{_SLOW} {name}"
