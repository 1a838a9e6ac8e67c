"""Comparisons of the tensors that two models return or contain."""

from __future__ import annotations

import torch
from torch import Tensor


def close(one: Tensor, other: Tensor) -> bool:
    """Return whether two logits agree up to the order of sums, which depends on batch size and memory format."""
    return one.shape == other.shape and torch.allclose(one.float(), other.float(), rtol=1e-3, atol=1e-4)


def difference(one: Tensor, other: Tensor) -> float:
    """Return the largest absolute difference of two tensors of the same shape."""
    return float((one.float() - other.float()).abs().max())


def different(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    """Return the names of the tensors that are not equal in both dictionaries."""
    return [name for name, tensor in one.items() if not torch.equal(tensor, other[name])]
