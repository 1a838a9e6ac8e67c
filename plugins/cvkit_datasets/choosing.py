"""Choose some images of a split at random, with about the same share of each class."""

from __future__ import annotations

import torch
from torch import Tensor

from cvkit import Split, permutation

from .views import labels_of


def chosen(split: Split, size: int, purpose: str, seed: int) -> list[int]:
    """Return the indices of `size` images, in the order of the split.

    The images of each class are in a random order, which depends on `purpose` and `seed`, and classes take turns in
    proportion to their numbers. So a smaller choice is part of a larger one.
    """
    if size == len(split):
        return [*range(size)]
    labels, order = labels_of(split), permutation(len(split), purpose, seed)
    turns = torch.empty(len(split), dtype=torch.float64)
    for label in labels.unique().tolist():
        own: Tensor = order[labels[order] == label]
        turns[own] = (torch.arange(len(own), dtype=torch.float64) + 0.5) / len(own)
    first = torch.argsort(turns[order], stable=True)[:size]  # ties in the random order
    return order[first].sort().values.tolist()
