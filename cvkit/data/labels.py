"""The labels of a split, and how many images each class has."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import overload

import torch
from torch import Tensor

from .splits import Split


def labels_of(split: Split) -> Tensor:
    """Return the label of every image, int64 (N,).

    The images are read unless the split has an attribute `labels` with an integer for each of them.
    """
    try:
        held = torch.as_tensor(getattr(split, "labels", None))
    except (TypeError, ValueError, RuntimeError):  # it has none, or something else under this name
        held = torch.empty(0)
    if held.shape != (len(split),) or held.is_floating_point():
        held = torch.tensor([label for _, label in (split[index] for index in range(len(split)))])
    return held.to(torch.int64)


class ClassCounts(Sequence[int]):
    """The number of training images of each class. They are counted when they are first used.

    Args:
        split: The training images.
        classes: The number of classes.
    """

    def __init__(self, split: Split, classes: int) -> None:
        self._split, self._classes = split, classes

    @cached_property
    def _counts(self) -> list[int]:
        counts: list[int] = torch.bincount(labels_of(self._split), minlength=self._classes).tolist()
        return counts

    def __len__(self) -> int:
        return self._classes

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return self._counts[index]
