"""Splits that show another split: some of its images, with other labels, or several splits one after the other.

Images stay lazily decoded, and names, files, digests, weights, masks and reduced decoding survive. Soft labels are
refused. A split in memory stays one.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from cvkit import DataAccount, Labels, Needed, Split, Splits, TensorSplit


@dataclass(frozen=True)
class View:
    """Some images of a split, in the order of `indices`, with the label ``new_labels[label]`` of each."""

    split: Split
    indices: tuple[int, ...]
    new_labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        image, label = self.split[self.indices[index]]
        return image, self.new_labels[label]

    def reduced(self, index: int, needed: Needed, /) -> tuple[Tensor, int]:
        """Return an image, reduced as far as `needed` allows if the split can do so, and its label."""
        image, label = read_reduced(self.split, self.indices[index], needed)
        return image, self.new_labels[label]

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """The names of the images, if the split has them."""
        names = getattr(self.split, "names", None)
        return None if names is None else tuple(names[index] for index in self.indices)

    @cached_property
    def files(self) -> tuple[Path, ...] | None:
        """The files of the images, if the split has them."""
        files = getattr(self.split, "files", None)
        return None if files is None else tuple(files[index] for index in self.indices)

    @cached_property
    def digests(self) -> tuple[str, ...] | None:
        """The digests of the images' files, if the split has them without reading the images."""
        digests = getattr(self.split, "digests", None)
        return None if digests is None else tuple(digests[index] for index in self.indices)

    @cached_property
    def labels(self) -> tuple[int, ...] | None:
        """The label of each image, if the split has them without reading the images."""
        labels = getattr(self.split, "labels", None)
        return None if labels is None else tuple(self.new_labels[int(labels[index])] for index in self.indices)

    @cached_property
    def weights(self) -> tuple[float, ...] | None:
        """The weight of each image, if the split has them."""
        weights = getattr(self.split, "weights", None)
        return None if weights is None else tuple(float(weights[index]) for index in self.indices)

    @cached_property
    def originals(self) -> tuple[int, ...] | None:
        """A number for each image, the same for its repetitions; None if no image is repeated."""
        return originals_of(self.split, self.indices)


@dataclass(frozen=True)
class Chain:
    """The images of several splits, one split after the other; `maps` has the new labels of each."""

    splits: tuple[Split, ...]
    maps: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return self._starts[-1]

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """The place of the first image of each split, and the number of all images."""
        return tuple(accumulate(map(len, self.splits), initial=0))

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        return self._at(index, lambda split, place: split[place])

    def reduced(self, index: int, needed: Needed, /) -> tuple[Tensor, int]:
        """Return an image, reduced as far as `needed` allows if its split can do so, and its label."""
        return self._at(index, lambda split, place: read_reduced(split, place, needed))

    def _at(self, index: int, read: Callable[[Split, int], tuple[Tensor, int]]) -> tuple[Tensor, int]:
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = bisect_right(self._starts, index) - 1
        image, label = read(self.splits[part], index - self._starts[part])
        return image, self.maps[part][label]

    @cached_property
    def names(self) -> tuple[str, ...] | None:
        """The names of the images; those of each split begin with its number if a name occurs in two splits."""
        found: list[Any] = [getattr(split, "names", None) for split in self.splits]
        if any(names is None for names in found):
            return None
        flat = tuple(name for names in found for name in names)
        if len(set(flat)) == len(flat):
            return flat
        return tuple(f"of.{number}/{name}" for number, names in enumerate(found) for name in names)

    @cached_property
    def files(self) -> tuple[Path, ...] | None:
        """The files of the images, if every split has them."""
        found: list[Any] = [getattr(split, "files", None) for split in self.splits]
        return None if any(files is None for files in found) else tuple(file for files in found for file in files)

    @cached_property
    def digests(self) -> tuple[str, ...] | None:
        """The digests of the images' files, if every split has them without reading the images."""
        found: list[Any] = [getattr(split, "digests", None) for split in self.splits]
        return None if any(each is None for each in found) else tuple(one for each in found for one in each)

    @cached_property
    def labels(self) -> tuple[int, ...] | None:
        """The label of each image, if every split has them without reading the images."""
        found: list[Any] = [getattr(split, "labels", None) for split in self.splits]
        if any(labels is None for labels in found):
            return None
        return tuple(new[int(label)] for labels, new in zip(found, self.maps, strict=True) for label in labels)

    @cached_property
    def weights(self) -> tuple[float, ...] | None:
        """The weight of each image, 1 in a split without weights; None if no split has weights."""
        found: list[Any] = [getattr(split, "weights", None) for split in self.splits]
        if all(weights is None for weights in found):
            return None
        pairs = zip(self.splits, found, strict=True)
        return tuple(
            float(one) for split, weights in pairs for one in (weights if weights is not None else [1.0] * len(split))
        )

    @cached_property
    def originals(self) -> tuple[int, ...] | None:
        """A number for each image, the same for its repetitions; None if no image is repeated."""
        return originals_in(self.splits)


def originals_of(split: Split, indices: Sequence[int]) -> tuple[int, ...] | None:
    """Return the image of `split` that each of `indices` shows; None if each shows another one."""
    inner = getattr(split, "originals", None)
    shown = tuple(indices) if inner is None else tuple(inner[index] for index in indices)
    return shown if len(set(shown)) < len(shown) else None


def originals_in(splits: Sequence[Split]) -> tuple[int, ...] | None:
    """Return a number for each image of several splits, the same for repetitions; None if no image is repeated."""
    found = [getattr(split, "originals", None) for split in splits]
    if all(originals is None for originals in found):
        return None
    shown = (
        (part, number)
        for part, (split, originals) in enumerate(zip(splits, found, strict=True))
        for number in (range(len(split)) if originals is None else originals)
    )
    numbers: dict[tuple[int, int], int] = {}
    return tuple(numbers.setdefault(one, len(numbers)) for one in shown)


def read_reduced(split: Split, index: int, needed: Needed) -> tuple[Tensor, int]:
    """Return a sample whose image may be reduced, if the split can reduce images."""
    reduced = getattr(split, "reduced", None)
    return split[index] if reduced is None else cast("tuple[Tensor, int]", reduced(index, needed))


def view(split: Split, indices: Sequence[int], new_labels: Sequence[int]) -> Split:
    """Return some images of a split with new labels; a split in memory is copied and stays in memory."""
    if isinstance(split, TensorSplit):
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        labels = torch.as_tensor(new_labels, dtype=torch.int64)[split.labels[chosen]]
        masks = None if split.masks is None else split.masks[chosen]
        return TensorSplit(split.images[chosen], labels, masks, originals=originals_of(split, indices))
    return View(split, tuple(indices), tuple(new_labels))


def chain(splits: Sequence[Split], maps: Sequence[Sequence[int]]) -> Split:
    """Return the images of several splits with new labels; in memory if every split is."""
    held = [split for split in splits if isinstance(split, TensorSplit)]
    if len(held) < len(splits):
        return Chain(tuple(splits), tuple(tuple(one) for one in maps))
    labels = [torch.as_tensor(new)[split.labels] for split, new in zip(held, maps, strict=True)]
    masks = [split.masks for split in held if split.masks is not None]
    return TensorSplit(
        torch.cat([split.images for split in held]),
        torch.cat(labels),
        torch.cat(masks) if len(masks) == len(held) else None,
        originals=originals_in(held),
    )


def labels_of(split: Split) -> Tensor:
    """Return the label of every image, int64 (N,); the images are read if the split does not have the labels."""
    return Labels.of(split).values


def splits_of(splits: Splits) -> dict[str, Split]:
    """Return the splits that exist by the names of their fields.

    Raises:
        ValueError: Images have sets of labels, or soft labels, which the data sets that wrap others do not keep.
    """
    found = {name: split for name in ("train", "validation", "test") if (split := getattr(splits, name)) is not None}
    if splits.info.task != "single_label":
        raise ValueError("of: the images of the data set have sets of labels, and each must have one class")
    if any(getattr(split, "soft_labels", None) is not None for split in found.values()):
        raise ValueError(
            "of: the data set has soft labels, which subset, repeat, relabel and concatenate do not keep; use it as "
            "the data set of the recipe"
        )
    return found


def changed(
    of: Splits,
    new: Mapping[str, Split],
    method: str,
    options: Mapping[str, Any],
    note: str,
    classes: Sequence[str] | None = None,
) -> Splits:
    """Return a data set with new splits, and with the classes of `of` unless others are given.

    The digest depends on that of `of` and on `options`; the account counts the new splits and adds `note`.
    """
    names = of.info.classes if classes is None else tuple(classes)
    return replace(
        of,
        **cast("dict[str, Any]", dict(new)),
        info=replace(of.info, classes=names),
        digest=digest_of([of], method, options),
        account=account_of([of], new, names, note),
    )


def digest_of(of: Sequence[Splits], method: str, options: Mapping[str, Any]) -> str:
    """Return a digest of data sets and options; empty if a data set has none. The methods come before the colon."""
    if not all(one.digest for one in of):
        return ""
    parts = [one.digest.rpartition(":") for one in of]
    content = json.dumps([[tail for *_, tail in parts], dict(options)], sort_keys=True)
    methods = "+".join(head for head, *_ in parts)
    return f"{methods}/{method}-1:{hashlib.sha256(content.encode()).hexdigest()}"


def account_of(of: Sequence[Splits], new: Mapping[str, Split], classes: Sequence[str], note: str) -> DataAccount:
    """Return the images of each class in the new splits, what the data sets left out, and their notes and `note`."""
    accounts = [one.account for one in of if one.account is not None]
    counts = {}
    for name, split in new.items():
        found = torch.bincount(labels_of(split), minlength=len(classes)).tolist()
        counts[name] = {label: number for label, number in zip(classes, found, strict=True) if number}
    left_out = tuple(dict.fromkeys(one for account in accounts for one in account.left_out))
    notes = tuple(dict.fromkeys(line for account in accounts for line in account.notes))
    return DataAccount(counts, left_out, (*notes, note))
