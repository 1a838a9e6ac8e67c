"""The labels of a split, and how many images each class has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


class Labels:
    """The labels of the training images. They are read when `values` is first used.

    ``len(labels)`` is the number of images, and reads nothing.

    Args:
        count: The number of images.
        read: Returns their labels, int64 (`count`,).
    """

    def __init__(self, count: int, read: Callable[[], Tensor]) -> None:
        self._count, self._read = count, read

    @classmethod
    def of(cls, split: Split) -> Labels:
        """Return the labels of a split.

        Args:
            split: The images. Each of them is read for its label, unless the split has an attribute `labels`.
        """
        return cls(len(split), lambda: labels_of(split))

    def __len__(self) -> int:
        return self._count

    @cached_property
    def values(self) -> Tensor:
        """The label of every image, int64 (N,)."""
        return self._read()

    def at(self, indices: Tensor) -> Labels:
        """Return the labels of some of the images.

        Args:
            indices: The numbers of the images, int64 (M,).
        """
        return Labels(len(indices), lambda: self.values[indices])


class ClassCounts(Sequence[int]):
    """The number of training images of each class. They are counted when they are first used.

    Args:
        labels: The labels of the training images.
        classes: The number of classes.
    """

    def __init__(self, labels: Labels, classes: int) -> None:
        self._labels, self._classes = labels, classes

    @cached_property
    def _counts(self) -> list[int]:
        counts: list[int] = torch.bincount(self._labels.values, minlength=self._classes).tolist()
        return counts

    def __len__(self) -> int:
        return self._classes

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return self._counts[index]
