"""Build a timm optimizer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import NonNegativeFloat, PositiveFloat
from timm.optim import create_optimizer_v2
from torch import Tensor
from torch.optim import Optimizer

from cvkit import one_line

Params = Iterable[Tensor] | Iterable[dict[str, Any]]

# timm's function sets these arguments itself, or they are about a model, which it does not get here.
_NOT_ARGUMENTS = {
    "opt": "the recipe sets it as the name of the optimizer",
    "model_or_params": "the run sets it",
    "lr": "it is an option of its own; write it next to 'arguments'",
    "weight_decay": "it is an option of its own; write it next to 'arguments'",
    "filter_bias_and_bn": "set finetune.no_decay instead",
    "layer_decay": "set finetune.layer_decay instead",
    "param_group_fn": "the recipe's section 'finetune' sets the parameter groups",
}


def timm_optimizer(
    name: str,
    params: Params,
    *,
    lr: PositiveFloat | None = None,
    weight_decay: NonNegativeFloat = 0.0,
    arguments: dict[str, object] | None = None,
) -> Optimizer:
    """Return the timm optimizer `name`, built by ``timm.optim.create_optimizer_v2``.

    Args:
        name: Name of the optimizer in timm.
        params: Tensors or parameter groups to optimize.
        lr: Learning rate, above 0; null keeps the default of the optimizer.
        weight_decay: Weight decay, at least 0. Whether it is decoupled depends on the optimizer.
        arguments: Further arguments of the optimizer, such as ``{betas: [0.9, 0.99]}``; lists become tuples. Where an
            optimizer has a momentum, timm sets it to 0.9.

    Returns:
        An optimizer.

    Raises:
        ValueError: The optimizer does not accept the arguments, or it needs a learning rate.
    """
    given = {key: _tuples(value) for key, value in (arguments or {}).items()}
    for key in sorted(given.keys() & _NOT_ARGUMENTS.keys()):
        raise ValueError(f"arguments: '{key}' cannot be set for timm/{name}: {_NOT_ARGUMENTS[key]}")
    try:
        optimizer: Optimizer = create_optimizer_v2(list(params), opt=name, lr=lr, weight_decay=weight_decay, **given)
    except Exception as error:  # timm passes on the errors of its checks and of torch
        raise ValueError(f"could not build timm/{name}: {one_line(error)}") from error
    if any(group["lr"] is None for group in optimizer.param_groups):
        raise ValueError(
            f"timm/{name} would choose its learning rate itself, and then no schedule could set it; set lr"
        )
    return optimizer


def _tuples(value: Any) -> Any:
    """Return `value` with every list, also nested, as a tuple, because optimizers expect tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
