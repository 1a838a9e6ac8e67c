"""The labels and weights of a split, and how many images each class has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import overload

import torch
from torch import Tensor

from .label_forms import LabelForm, SingleLabels, as_batch, stacked
from .splits import Split

_SINGLE = SingleLabels()
_ROUNDING = 1e-3  # the sum of an image's soft labels may differ from 1 by this much


def labels_of(split: Split, form: LabelForm = _SINGLE) -> Tensor:
    """Return the label of every image in its `form`: int64 (N,), or float32 (N, K) for label sets.

    The images are read unless the split has an attribute `labels` with the label of each of them.
    """
    held = form.declared(getattr(split, "labels", None), len(split))
    if held is None:
        return stacked([label for _, label in (split[index] for index in range(len(split)))])
    return as_batch(held)


def weights_of(split: Split) -> Tensor | None:
    """Return the attribute `weights` of a split, float64 (N,), or None if it has none.

    Raises `ValueError` unless it contains a finite number of at least 0 for each image, and not only zeros.
    """
    expected = f"expected {len(split)} finite numbers of at least 0"
    weights = _numbers(split, "weights", torch.float64, (len(split),), expected)
    if weights is None:
        return None
    wrong = (~(weights.isfinite() & (weights >= 0))).nonzero().flatten()
    if len(wrong):
        raise ValueError(f"has the weight {weights[wrong[0]]:g} for image {int(wrong[0])}; {expected}")
    if not weights.any():
        raise ValueError("has the weight 0 for each image")
    return weights


def soft_labels_of(split: Split, classes: int) -> Tensor | None:
    """Return the attribute `soft_labels` of a split, float32 (N, K), or None if it has none.

    Raises `ValueError` unless each row has a finite number of at least 0 for each class, and a sum of 1.
    """
    expected = f"expected numbers ({len(split)}, {classes}) of at least 0, with a sum of 1 for each image"
    soft = _numbers(split, "soft labels", torch.float32, (len(split), classes), expected)
    if soft is None:
        return None
    if not (soft.isfinite() & (soft >= 0)).all():
        raise ValueError(f"has soft labels that are negative or not finite; {expected}")
    sums = soft.double().sum(dim=1)
    wrong = ((sums - 1).abs() > _ROUNDING).nonzero().flatten()
    if len(wrong):
        raise ValueError(f"has soft labels with the sum {sums[wrong[0]]:.4g} for image {int(wrong[0])}; {expected}")
    return soft


def _numbers(split: Split, name: str, dtype: torch.dtype, shape: tuple[int, ...], expected: str) -> Tensor | None:
    """Return an attribute of a split as a tensor of this shape, or None if it has none; else raise `ValueError`."""
    given = getattr(split, name.replace(" ", "_"), None)
    if given is None:
        return None
    try:
        numbers = torch.as_tensor(given, dtype=dtype)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"has {name} that are not numbers; {expected}") from error
    if numbers.shape != shape:
        raise ValueError(f"has {name} of the shape {tuple(numbers.shape)}; {expected}")
    return numbers


class Labels:
    """The labels of the training images. They are read when `values` is first used.

    ``len(labels)`` is the number of images, and reads nothing.

    Args:
        count: The number of images.
        read: Returns their labels, int64 (`count`,), or float32 (`count`, K) for label sets.
        weights: Becomes the attribute `weights`.
        soft: Becomes the attribute `soft`.

    Attributes:
        weights: How often an image should be used relative to others, float64 (`count`,) with finite numbers of at
            least 0; None if the data set has no weights.
        soft: The share of each class in each image, float32 (N, K); None if the data set has no soft labels.
    """

    def __init__(
        self, count: int, read: Callable[[], Tensor], weights: Tensor | None = None, soft: Tensor | None = None
    ) -> None:
        self._count, self._read, self.weights, self.soft = count, read, weights, soft

    @classmethod
    def of(cls, split: Split, form: LabelForm = _SINGLE, classes: int | None = None) -> Labels:
        """Return the labels of a split.

        Args:
            split: The images. Each of them is read for its label, unless the split has an attribute `labels`.
            form: The form of the labels.
            classes: The number of classes of soft labels; None to leave them out.
        """
        soft = None if classes is None else soft_labels_of(split, classes)
        return cls(len(split), lambda: labels_of(split, form), weights_of(split), soft)

    def __len__(self) -> int:
        return self._count

    @cached_property
    def values(self) -> Tensor:
        """The label of every image, int64 (N,), or the label sets, float32 (N, K) of 0 and 1."""
        return self._read()

    def at(self, indices: Tensor) -> Labels:
        """Return the labels and weights of some of the images.

        Args:
            indices: The numbers of the images, int64 (M,).
        """
        weights = None if self.weights is None else self.weights[indices]
        soft = None if self.soft is None else self.soft[indices]
        return Labels(len(indices), lambda: self.values[indices], weights, soft)


class ClassCounts(Sequence[int]):
    """The number of training images of each class. They are counted when they are first used.

    Args:
        labels: The labels of the training images.
        classes: The number of classes.
        form: The form of the labels.
    """

    def __init__(self, labels: Labels, classes: int, form: LabelForm = _SINGLE) -> None:
        self._labels, self._classes, self._form = labels, classes, form

    @property
    def images(self) -> int:
        """The number of training images; an image with several labels is counted in each of them."""
        return len(self._labels)

    @cached_property
    def _counts(self) -> list[int]:
        counts: list[int] = self._form.counts(self._labels.values, self._classes).tolist()
        return counts

    def __len__(self) -> int:
        return self._classes

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        return self._counts[index]
