"""Check a data set's splits: streamed images and labels as they are read, splits in memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError
from ..guard import Guard, shown
from ..host.registry import Entry
from ..signatures.nested import nests
from ..tasks import SINGLE_LABEL
from .label_forms import SEPARATOR
from .labels import soft_labels_of, weights_of
from .reduction import Needed, ReducibleSplit
from .splits import DataInfo, Half, Split, Splits, TensorSplit


@dataclass(frozen=True)
class CheckedSplit:
    """A split that checks each sample as it is read.

    Raises `ComponentFailure` with the data set's id and the image's number if the image cannot be read or is not
    uint8 (C, H, W) of the size in `info`, or if the label does not have the form of the task.
    """

    split: Split
    guard: Guard
    info: DataInfo
    name: str

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int, /) -> tuple[Tensor, Any]:
        return self._checked(index, self.guard(self.split.__getitem__, index))

    def reduced(self, index: int, needed: Needed, /) -> tuple[Tensor, Any]:
        """Return a sample whose image may be reduced, if the split can reduce images."""
        if not isinstance(self.split, ReducibleSplit):
            return self[index]
        return self._checked(index, self.guard(self.split.reduced, index, needed))

    def _checked(self, index: int, sample: Any) -> tuple[Tensor, Any]:
        try:
            image, label = sample
        except (TypeError, ValueError):
            raise self._wrong(index, shown(sample), "an image and a label") from None
        if not isinstance(image, Tensor) or image.dtype != torch.uint8 or not self._fits(image):
            height, width = ("any height", "any width") if self.info.framing else (self.info.height, self.info.width)
            raise self._wrong(index, shown(image), f"uint8 ({self.info.channels}, {height}, {width})")
        form, classes = self.info.labels, self.info.num_classes
        checked = form.checked(label, classes)
        if checked is None:
            raise self._wrong(index, f"the label {shown(label)}", form.expected(classes))
        return image, checked

    @property
    def names(self) -> Sequence[str] | None:
        """The names of the images' files, if the split has them."""
        names: Sequence[str] | None = getattr(self.split, "names", None)
        return names

    @property
    def files(self) -> Sequence[Path] | None:
        """The files of the images, if the split has them."""
        files: Sequence[Path] | None = getattr(self.split, "files", None)
        return files

    @property
    def digests(self) -> Sequence[str] | None:
        """The digests of the images' files, if the split has them without reading the images."""
        digests: Sequence[str] | None = getattr(self.split, "digests", None)
        return digests

    @property
    def labels(self) -> Any:
        """What the split has under this name; `labels_of` checks it."""
        return getattr(self.split, "labels", None)

    @property
    def weights(self) -> Any:
        """What the split has under this name; `checked` has checked it."""
        return getattr(self.split, "weights", None)

    @property
    def soft_labels(self) -> Any:
        """What the split has under this name; `checked` has checked it."""
        return getattr(self.split, "soft_labels", None)

    @property
    def originals(self) -> Sequence[int] | None:
        """A number for each image, the same for its repetitions, if the split repeats images."""
        originals: Sequence[int] | None = getattr(self.split, "originals", None)
        return originals

    def _fits(self, image: Tensor) -> bool:
        size = (self.info.channels, self.info.height, self.info.width)
        return image.shape == size or (self.info.framing is not None and image.ndim == 3 and len(image) == size[0])

    def _wrong(self, index: int, made: str, needed: str) -> Exception:
        return self.guard.failure(f"returned {made} as {self.name} image {index}; expected {needed}")


def checked(splits: Splits, entry: Entry) -> Splits:
    """Return the splits of the data set `entry`, checked.

    Raises `ComponentFailure` if a split is empty, if a split in memory does not match the data set's info, or if the
    digest is not a string; `DataError` if a label has the character that separates labels in files.
    """
    if splits.info.task not in entry.tasks:
        raise Guard(entry, "cannot be used").failure(
            f"has the task {splits.info.task} in DataInfo.task, but its declaration has tasks={entry.tasks!r}"
        )
    if splits.info.task != SINGLE_LABEL.name and (wrong := [one for one in splits.info.classes if SEPARATOR in one]):
        raise DataError(
            f"data set '{entry.id}' has labels with '{SEPARATOR}': {', '.join(map(repr, wrong[:3]))}. It separates "
            "the labels of an image in CSV files; rename these labels in the data"
        )
    if not isinstance(splits.digest, str):
        raise Guard(entry, "cannot be used").failure(
            f"has the digest {shown(splits.digest)}, but a digest must be a string"
        )
    return replace(
        splits,
        train=_checked(splits.train, splits.info, entry, "training"),
        validation=_checked_half(splits, entry, "validation"),
        test=_checked_half(splits, entry, "test"),
    )


def _checked_half(splits: Splits, entry: Entry, name: Half) -> Split | None:
    split: Split | None = getattr(splits, name)
    return None if split is None else _checked(split, splits.info, entry, name)


def _form(info: DataInfo) -> tuple[object, ...]:
    """Return what the check of a sample depends on."""
    return (info.channels, info.height, info.width, info.framing, info.num_classes, info.task)


def _checked(split: Split, info: DataInfo, entry: Entry, name: str) -> Split:
    guard = Guard(entry, f"cannot read {name} image")
    if not isinstance(split, Split):
        raise guard.failure(
            f"returned {shown(split)} as its {name} images; expected an object with len() and indexing"
        )
    if not len(split):
        raise guard.failure(f"has no {name} images")
    try:
        weights_of(split)
        soft = soft_labels_of(split, info.num_classes)
    except ValueError as error:
        raise guard.failure(f"{error} ({name} images)") from None
    if name == "training" and (soft is not None) != entry.component.soft_labels:
        declares = "declares soft_labels" if soft is None else "does not declare soft_labels=True"
        message = f"{declares}, but its training images have {'none' if soft is None else 'some'}"
        if any(nests(option.type) for option in entry.signature().options.values()):
            which = "without" if soft is None else "with"
            message += f"; it wraps another data set: declare a second component {which} soft_labels=True for those"
        raise guard.failure(message)
    if soft is not None and info.task != SINGLE_LABEL.name:
        raise guard.failure(
            f"has soft labels, which are shares of classes, but its task is {info.task} ({name} images)"
        )
    if isinstance(split, CheckedSplit) and _form(split.info) == _form(info):
        return split
    if not isinstance(split, TensorSplit):
        return CheckedSplit(split, guard, info, name)
    images, labels, masks, form = split.images, split.labels, split.masks, info.labels
    size, count = (info.channels, info.height, info.width), len(split)
    masks_of = (count, *form.masked(info.num_classes), *size[1:])
    for what, value, dtype, shape in (
        ("images", images, torch.uint8, (count, *size)),
        ("labels", labels, *form.in_memory(count, info.num_classes)),
        *([] if masks is None else [("masks", masks, torch.bool, masks_of)]),
    ):
        if not isinstance(value, Tensor) or value.dtype != dtype or value.shape != shape:
            needed = f"{str(dtype).removeprefix('torch.')} {shape}"
            raise guard.failure(f"returned its {name} {what} as {shown(value)}; expected {needed}")
    if fault := form.fault(labels, info.num_classes):
        raise guard.failure(f"has {name} {fault}")
    return split
