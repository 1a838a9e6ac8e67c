"""Convert nested dicts, lists, numbers and tensors to strict JSON and named tensors, and back.

Nothing is pickled, so reading a checkpoint runs no code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError


def pack(tree: Any, path: str = "") -> tuple[Any, dict[str, Tensor]]:
    """Return `tree` as JSON values with references to tensors, and the tensors by name.

    Raises `CheckpointError` that names the place of a value that is neither data nor a tensor.
    """
    data, tensors = parted(tree, path)
    return data, {name: copied(tensor) for name, tensor in tensors.items()}


def parted(tree: Any, path: str = "") -> tuple[Any, dict[str, Tensor]]:
    """Do the same as `pack`, but return the tensors themselves and not copies."""
    tensors: dict[str, Tensor] = {}
    return _pack(tree, path, tensors), tensors


def copied(tensor: Tensor, *, wait: bool = True) -> Tensor:
    """Return a contiguous copy on the CPU, as safetensors requires.

    Unless `wait` is true, a copy from a CUDA GPU is complete only after the work that is queued there.
    """
    queued = tensor.is_cuda and not wait
    return tensor.detach().to("cpu", copy=True, non_blocking=queued, memory_format=torch.contiguous_format)


def require_packable(tree: Any, path: str = "") -> None:
    """Raise the `CheckpointError` that `pack` would raise, without copying tensors."""
    _pack(tree, path, {})


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    match value:
        case Tensor():
            tensors[path] = value
            return {"$tensor": path}
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {"$float": str(value)}
        case tuple():
            return {"$tuple": [_pack(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]}
        case list():
            return [_pack(item, f"{path}/{i}", tensors) for i, item in enumerate(value)]
        case Mapping():
            if all(isinstance(key, str) and not key.startswith("$") for key in value):
                return {key: _pack(item, f"{path}/{key}", tensors) for key, item in value.items()}
            return {"$items": [[_pack(k, path, tensors), _pack(v, f"{path}/{k}", tensors)] for k, v in value.items()]}
    raise CheckpointError(
        f"the state at '{path.strip('/')}' has the type {type(value).__name__}, which a checkpoint cannot store. "
        "Use numbers, strings, lists, dicts and tensors"
    )


def unpack(data: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the tree from the result of `pack`."""
    match data:
        case list():
            return [unpack(item, tensors) for item in data]
        case {"$tensor": name}:
            return tensors[name]
        case {"$float": text}:
            return float(text)
        case {"$tuple": items}:
            return tuple(unpack(item, tensors) for item in items)
        case {"$items": pairs}:
            return {unpack(key, tensors): unpack(value, tensors) for key, value in pairs}
        case dict():
            return {key: unpack(value, tensors) for key, value in data.items()}
    return data
