"""Compile a model with `torch.compile`, or report why this machine cannot."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import RunError, first_line
from ..seeding import preserved_randomness
from .eval_mode import eval_mode


def compiled(model: nn.Module, example: Tensor) -> Callable[[Tensor], Tensor]:
    """Return the compiled model after a trial on `example`; raise `RunError` if this machine cannot compile it.

    `example` should have the batch size of training. If the first call had one image, torch would compile the model
    for any batch size, and then once more than necessary.
    """
    forward: Callable[[Tensor], Tensor] = torch.compile(model)
    try:
        with preserved_randomness(), eval_mode(model), torch.no_grad():
            forward(example)
    except Exception as error:  # the compiler, a missing compiler, or the model's code may raise anything
        raise RunError(
            f"train.compile: this model cannot be compiled on this machine ({first_line(error)}); "
            "set train.compile: false"
        ) from error
    return forward
