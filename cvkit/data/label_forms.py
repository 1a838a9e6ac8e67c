"""The form of labels for each task: one class for an image, or a set of labels.

All code that works with labels of both forms asks the `LabelForm` of its data set. A set of labels is a row of K
numbers, 1 for each label that the image has and 0 for the others.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ..formatting import counted
from ..tasks import TASKS

SEPARATOR = "|"
"""What separates the labels of an image in CSV files; no label of a set contains it."""

NO_HITS = -(1 << 40)  # more than the images of an epoch, so that a sum of correct predictions with it is negative


class LabelForm(Protocol):
    """What labels look like, and how they are counted, named and compared. K is the number of classes."""

    several: bool
    """Whether an image may have several labels, or none."""

    def checked(self, label: Any, classes: int) -> Any:
        """Return the label of one image as samples contain it; None if it is not valid."""
        ...

    def expected(self, classes: int) -> str:
        """Return what a valid label of one image is, in words."""
        ...

    def in_memory(self, count: int, classes: int) -> tuple[torch.dtype, tuple[int, ...]]:
        """Return the type and the shape of the labels of a split in memory."""
        ...

    def masked(self, classes: int) -> tuple[int, ...]:
        """Return the dimensions of masks between the images and the pixels: those of the objects of an image."""
        ...

    def fault(self, labels: Tensor, classes: int) -> str:
        """Return what is wrong with the values of the labels of a split in memory; empty if nothing is."""
        ...

    def declared(self, labels: Any, count: int) -> Tensor | None:
        """Return what a split has under the name `labels` as a tensor; None if these are no labels of its images."""
        ...

    def targets(self, labels: Tensor, classes: int) -> Tensor:
        """Return labels as float targets (B, K), which augmentations mix."""
        ...

    def counts(self, labels: Tensor, classes: int) -> Tensor:
        """Return the number of images of each class, int64 (K,)."""
        ...

    def hits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the number of correct predictions of a batch; negative if training does not count them."""
        ...

    def class_of(self, labels: Tensor) -> Tensor:
        """Return one class of each image, int64 (B,), such as the class that an explainer is tried with."""
        ...

    def examples(self, classes: int) -> Tensor:
        """Return labels of K images in which each class occurs once, for trying components."""
        ...

    def classes_of(self, label: Any) -> list[int]:
        """Return the classes of one image."""
        ...


class SingleLabels:
    """Labels are classes, integers from 0 to K - 1: int64 (N,)."""

    several = False

    def checked(self, label: Any, classes: int) -> int | None:
        """Return the label as an int; None if it is not an integer from 0 to K - 1."""
        try:
            number = -1 if isinstance(label, Tensor) and label.ndim else operator.index(label)
        except TypeError:
            return None
        return number if 0 <= number < classes else None

    def expected(self, classes: int) -> str:
        """Return the range of labels."""
        return f"an integer from 0 to {classes - 1}"

    def in_memory(self, count: int, classes: int) -> tuple[torch.dtype, tuple[int, ...]]:
        """Return int64 (N,)."""
        return torch.int64, (count,)

    def masked(self, classes: int) -> tuple[int, ...]:
        """Return no dimension: an image has one object."""
        return ()

    def fault(self, labels: Tensor, classes: int) -> str:
        """Return the range of the labels if it is not that of the classes."""
        lowest, highest = int(labels.min()), int(labels.max())
        if lowest >= 0 and highest < classes:
            return ""
        return f"labels from {lowest} to {highest}, but it has {counted(classes, 'class')}, from 0 to {classes - 1}"

    def declared(self, labels: Any, count: int) -> Tensor | None:
        """Return integers, one for each image."""
        held = _tensor(labels)
        return None if held is None or held.shape != (count,) or held.is_floating_point() else held

    def targets(self, labels: Tensor, classes: int) -> Tensor:
        """Return one-hot targets."""
        return one_hot(labels, classes).to(torch.float32)

    def counts(self, labels: Tensor, classes: int) -> Tensor:
        """Count the labels."""
        return torch.bincount(labels, minlength=classes)

    def hits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Count the images whose most probable class is the label."""
        return (logits.detach().argmax(dim=1) == labels).sum()

    def class_of(self, labels: Tensor) -> Tensor:
        """Return the labels."""
        return labels

    def examples(self, classes: int) -> Tensor:
        """Return each label once."""
        return torch.arange(classes)

    def classes_of(self, label: Any) -> list[int]:
        """Return the label."""
        return [int(label)]


class LabelSets:
    """Labels are sets: float32 (N, K), 1 for each label that an image has and 0 for the others."""

    several = True

    def checked(self, label: Any, classes: int) -> Tensor | None:
        """Return the set as float32 (K,); None unless it contains K numbers that are 0 or 1."""
        row = _tensor(label)
        if row is None or row.shape != (classes,) or not ((row == 0) | (row == 1)).all():
            return None
        return row.to(torch.float32)

    def expected(self, classes: int) -> str:
        """Return the length of a set."""
        return f"{classes} numbers, 1 for each label of the image and 0 for the others"

    def in_memory(self, count: int, classes: int) -> tuple[torch.dtype, tuple[int, ...]]:
        """Return float32 (N, K)."""
        return torch.float32, (count, classes)

    def masked(self, classes: int) -> tuple[int, ...]:
        """Return a dimension of the classes: each label has a mask of its own."""
        return (classes,)

    def fault(self, labels: Tensor, classes: int) -> str:
        """Return the first value that is neither 0 nor 1."""
        wrong = labels[(labels != 0) & (labels != 1)]
        return f"the value {float(wrong[0]):g} among its label sets, which contain 0 and 1" if len(wrong) else ""

    def declared(self, labels: Any, count: int) -> Tensor | None:
        """Return rows, one for each image."""
        held = _tensor(labels)
        return None if held is None or held.ndim != 2 or len(held) != count else held.to(torch.float32)

    def targets(self, labels: Tensor, classes: int) -> Tensor:
        """Return the sets, which are targets already."""
        return labels

    def counts(self, labels: Tensor, classes: int) -> Tensor:
        """Count the images that have each label."""
        return labels.sum(dim=0, dtype=torch.float64).to(torch.int64)

    def hits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return a negative number: training has no accuracy, because labels depend on thresholds."""
        return torch.full((), NO_HITS, dtype=torch.int64, device=labels.device)

    def class_of(self, labels: Tensor) -> Tensor:
        """Return the first label of each image; the first class if it has none."""
        return labels.argmax(dim=1)

    def examples(self, classes: int) -> Tensor:
        """Return sets of one label."""
        return torch.eye(classes)

    def classes_of(self, label: Any) -> list[int]:
        """Return the labels of the set."""
        return [*torch.as_tensor(label).nonzero().flatten().tolist()]


@cache
def label_form(task: str) -> LabelForm:
    """Return the form of the labels of a task."""
    form: LabelForm = TASKS[task].part("labels")()
    return form


def stacked(labels: Sequence[Any]) -> Tensor:
    """Return the labels of samples as a batch: int64 (B,), or float32 (B, K) for sets."""
    return as_batch(torch.stack([torch.as_tensor(label) for label in labels]))


def as_batch(labels: Tensor) -> Tensor:
    """Return labels in the type of a batch: int64 (B,), or float32 (B, K) for sets."""
    return labels.to(torch.float32 if labels.ndim == 2 else torch.int64)


def named(label: Any, classes: Sequence[str], form: LabelForm) -> str:
    """Return the names of an image's classes as text, such as "cat, dog"; "no label" for an empty set."""
    return ", ".join(classes[index] for index in form.classes_of(label)) or "no label"


def joined(labels: Iterable[int], classes: Sequence[str]) -> str:
    """Return the names of an image's classes as the cell of a CSV file: ``cat|dog``; empty for an empty set."""
    return SEPARATOR.join(classes[label] for label in labels)


def _tensor(values: Any) -> Tensor | None:
    """Return values as a tensor; None if they are no numbers."""
    try:
        return torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        return None
