"""Finds weights by patterns of their names, in what a run supplies to an optimizer."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor

Fraction = Annotated[float, Field(ge=0, lt=1)]
Named = Iterable[tuple[str, Tensor]] | Iterable[dict[str, Any]]

_NORM_BIASES = ["*norm*.bias", "*bn*.bias"]


def matching(given: list[Any], patterns: list[str] | None) -> set[int]:
    """Return the ids of the weights in `given`, pairs (name, weight) or groups of them, that match a pattern.

    None: the usual names of biases of normalisation. Raises `ValueError` if no weight matches.
    """
    patterns = _NORM_BIASES if patterns is None else patterns
    groups = [entry if isinstance(entry, dict) else {"params": [entry]} for entry in given]
    weights = {name: weight for group in groups for name, weight in group["params"]}
    found = {id(weight) for name, weight in weights.items() if any(fnmatchcase(name, each) for each in patterns)}
    if not found:
        vectors = [name for name, weight in weights.items() if weight.ndim == 1]
        raise ValueError(
            f"biases: no trained weight has a name that matches {', '.join(patterns)}; the vectors are "
            f"{', '.join(vectors[:6]) or 'none'}{', ...' if len(vectors) > 6 else ''}. Give other patterns, or use "
            "torch/sgd"
        )
    return found
