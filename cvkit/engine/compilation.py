"""A model compiled, or the reason why this machine cannot."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import RunError, first_line
from ..seeding import preserved_randomness
from .eval_mode import eval_mode


def compiled(model: nn.Module, example: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the compiled model, tried once on `example`; raise `RunError` where this machine cannot compile it.

    `example` should be a batch of the size trained on: tried on one image first, torch would compile training for
    batches of any size, and once more than it need.
    """
    forward: Callable[[Tensor], Tensor] = torch.compile(model)
    try:
        with preserved_randomness(), eval_mode(model), torch.no_grad():
            forward(example)
    except Exception as error:  # whatever the compiler, its absence or the model's code raises
        raise RunError(f"train.compile: this model cannot be compiled here ({first_line(error)})") from error
    return forward
