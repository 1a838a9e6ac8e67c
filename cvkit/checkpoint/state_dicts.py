"""The state of a model and its optimizer by parameter name, so that a checkpoint does not depend on their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import CheckpointError

_OF_LOSS = "loss.."  # torch joins names with single dots, so no parameter of a model has such a name
_OF_THE_DEVICE = ("fused", "foreach", "capturable")
"""Settings of an optimizer's groups that select kernels. They depend on the device, so they are not restored."""


def model_state(model: nn.Module) -> dict[str, Tensor]:
    """Return every parameter and buffer of `model` by name, including non-persistent buffers."""
    return {**model.state_dict(), **dict(model.named_buffers())}


@torch.no_grad()
def load_model_state(model: nn.Module, state: dict[str, Tensor], what: str = "model") -> None:
    """Copy `state` into `model` and keep its memory format; raise `CheckpointError` unless names and shapes match.

    `what` names the module in the error message.
    """
    own = model_state(model)
    if own.keys() != state.keys():
        odd = ", ".join(sorted(own.keys() ^ state.keys())[:3])
        raise CheckpointError(f"the checkpoint's {what} does not match this recipe: they differ in {odd}")
    for name, tensor in own.items():
        if tensor.shape != state[name].shape:
            raise CheckpointError(
                f"the checkpoint's {what} does not match this recipe: '{name}' has the shape "
                f"{tuple(state[name].shape)} in the checkpoint, but {tuple(tensor.shape)} in the recipe's {what}"
            )
        tensor.copy_(state[name])


def named_weights(model: nn.Module, loss: nn.Module | None = None) -> dict[str, nn.Parameter]:
    """Return the parameters of a model, and of a loss if it has any, by unique names."""
    of_loss = {} if loss is None else {_OF_LOSS + name: weight for name, weight in loss.named_parameters()}
    return {**dict(model.named_parameters()), **of_loss}


def optimizer_state(optimizer: torch.optim.Optimizer, weights: Mapping[str, nn.Parameter]) -> dict[str, Any]:
    """Return the optimizer's state with the parameter names of `weights` instead of numbers."""
    names = _names_in_order(optimizer, weights)
    state = optimizer.state_dict()
    return {
        "state": {names[index]: values for index, values in state["state"].items()},
        "groups": [{**group, "params": [names[i] for i in group["params"]]} for group in state["param_groups"]],
    }


def load_optimizer_state(
    optimizer: torch.optim.Optimizer, weights: Mapping[str, nn.Parameter], state: dict[str, Any]
) -> None:
    """Restore the result of `optimizer_state`; raise `CheckpointError` unless the parameters are the same."""
    names = _names_in_order(optimizer, weights)
    if sorted(names) != sorted(name for group in state["groups"] for name in group["params"]):
        raise CheckpointError("the checkpoint's optimizer has other parameters than this recipe's model")
    index = {name: number for number, name in enumerate(names)}
    how = [{key: group[key] for key in _OF_THE_DEVICE if key in group} for group in optimizer.param_groups]
    optimizer.load_state_dict(
        {
            "state": {
                index[name]: {key: _like(weights[name], value) for key, value in values.items()}
                for name, values in state["state"].items()
            },
            "param_groups": [
                {**group, **own, "params": [index[name] for name in group["params"]]}
                for group, own in zip(state["groups"], how, strict=True)
            ],
        }
    )


def _names_in_order(optimizer: torch.optim.Optimizer, weights: Mapping[str, nn.Parameter]) -> list[str]:
    """Return the parameter names in the order in which the optimizer numbers them."""
    names = {id(parameter): name for name, parameter in weights.items()}
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if any(id(parameter) not in names for parameter in held):
        raise CheckpointError("the optimizer has parameters that it was not given; a checkpoint cannot name them")
    return [names[id(parameter)] for parameter in held]


def _like(parameter: Tensor, value: Any) -> Any:
    """Return a copy of a state value, in the parameter's memory format if it has the parameter's shape.

    Checkpoints do not store the memory format. The copy is necessary because torch's optimizers keep the loaded
    tensors and modify them.
    """
    if isinstance(value, Tensor) and value.shape == parameter.shape:
        return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    return value.clone() if isinstance(value, Tensor) else value
