"""A data set's splits, held to what they promise: each image and label as it is read, or all where all are there."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..guard import Guard, shown
from ..host.registry import Entry
from .splits import DataInfo, Split, Splits, TensorSplit


@dataclass(frozen=True)
class CheckedSplit:
    """A split of which each sample is checked as it is read.

    Raises `ComponentFailure`, with the data set's id and the image's number, where one cannot be read, where the
    image is not uint8 (C, H, W) of the size in `info`, or the label not a number from 0 to K - 1.
    """

    split: Split
    guard: Guard
    info: DataInfo
    name: str

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        sample = self.guard(self.split.__getitem__, index)
        try:
            image, label = sample
        except (TypeError, ValueError):
            raise self._wrong(index, f"a {shown(sample)}", "an image and a label") from None
        size = (self.info.channels, self.info.height, self.info.width)
        if not isinstance(image, Tensor) or image.dtype != torch.uint8 or image.shape != size:
            raise self._wrong(index, shown(image), f"uint8 {size}")
        try:
            number = -1 if isinstance(label, Tensor) and label.ndim else operator.index(label)
        except TypeError:
            number = -1
        if not 0 <= number < self.info.num_classes:
            raise self._wrong(
                index, f"the label {shown(label)}", f"a whole number from 0 to {self.info.num_classes - 1}"
            )
        return image, number

    def _wrong(self, index: int, made: str, needed: str) -> Exception:
        return self.guard.failure(f"gives {made} as {self.name} image {index}, where {needed} is needed")


def checked(splits: Splits, entry: Entry) -> Splits:
    """Return the splits that the data set `entry` made, held to what they promise.

    Raises `ComponentFailure` where one is empty, where one in memory is not what the data set's info says, or where
    the digest is no text.
    """
    if not isinstance(splits.digest, str):
        raise Guard(entry, "cannot be used").failure(
            f"has {shown(splits.digest)} as its digest, where text is needed"
        )
    return replace(
        splits,
        train=_checked(splits.train, splits.info, entry, "training"),
        test=_checked(splits.test, splits.info, entry, "test"),
    )


def _checked(split: Split, info: DataInfo, entry: Entry, name: str) -> Split:
    if isinstance(split, CheckedSplit):
        return split
    guard = Guard(entry, f"cannot give {name} image")
    if not isinstance(split, Split):
        raise guard.failure(f"makes {shown(split)} of its {name} images, which has no length or no images")
    if not len(split):
        raise guard.failure(f"has no {name} images")
    if not isinstance(split, TensorSplit):
        return CheckedSplit(split, guard, info, name)
    images, labels, masks = split.images, split.labels, split.masks
    size, count = (info.channels, info.height, info.width), len(split)
    for what, value, dtype, shape in (
        ("images", images, torch.uint8, (count, *size)),
        ("labels", labels, torch.int64, (count,)),
        *([] if masks is None else [("masks", masks, torch.bool, (count, *size[1:]))]),
    ):
        if not isinstance(value, Tensor) or value.dtype != dtype or value.shape != shape:
            needed = f"{str(dtype).removeprefix('torch.')} {shape}"
            raise guard.failure(f"holds its {name} {what} as {shown(value)}, where {needed} is needed")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= info.num_classes:
        raise guard.failure(
            f"labels its {name} images from {lowest} to {highest}, and has {info.num_classes} classes, from 0 to "
            f"{info.num_classes - 1}"
        )
    return split
