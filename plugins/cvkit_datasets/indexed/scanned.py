"""Collect the images that a scan finds, and turn them into an index with the classes of their labels."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from cvkit import DataError, LeftOut

from ..headers import lines
from ..samples import SplitName
from .index import ARRAYS, LISTING, Array, ShardIndex, SplitIndex, index_of, listing_of, written
from .packed_text import PackedText
from .scanned_labels import Label, ScannedImage, classes_of


class ScannedSplit:
    """The images of a split, in packed arrays; `kinds` numbers the labels in the order in which they were found."""

    def __init__(self) -> None:
        self.shards: list[dict[str, Any]] = []
        self.kinds: dict[Label, int] = {}
        self.offsets, self._sizes, self._dimensions, self._labels = array("q"), array("q"), array("i"), array("i")
        self._digests, self._names, self._ends = bytearray(), bytearray(), array("q")

    def add(self, file: str, size: int, images: Iterable[ScannedImage]) -> None:
        """Add the images of a shard with this name and this number of bytes."""
        before = len(self.offsets)
        for image in images:
            self._add(image)
        self.shards.append({"file": file, "bytes": size, "images": len(self.offsets) - before})

    def _add(self, image: ScannedImage) -> None:
        self.offsets.append(image.offset)
        self._sizes.append(image.size)
        self._dimensions.extend(image.dimensions)
        self._digests += image.digest
        self._names += image.name.encode()
        self._ends.append(len(self._names))
        self._labels.append(self.kinds.setdefault(image.label, len(self.kinds)))

    def first(self, label: Label) -> str | None:
        """Return the place of the first image with a label, its shard and its name; None if no image has it."""
        if label not in self.kinds:
            return None
        place = self._labels.index(self.kinds[label])
        name = self._names[self._ends[place - 1] if place else 0 : self._ends[place]].decode()
        ends = accumulate(shard["images"] for shard in self.shards)
        file = next(shard["file"] for shard, end in zip(self.shards, ends, strict=True) if place < end)
        return f"{file}/{name}"

    def index(self, classes: Sequence[str], several: bool) -> SplitIndex:
        """Return the index, with labels as numbers of `classes`."""
        numbers = {name: number for number, name in enumerate(classes)}
        places = np.frombuffer(self._labels, np.int32)
        labels: Array
        if several:
            sets = np.zeros((len(self.kinds), len(classes)), np.uint8)
            for kind, place in self.kinds.items():
                places_of = kind if isinstance(kind, tuple) else (kind,)
                sets[place, [one if isinstance(one, int) else numbers[one] for one in places_of]] = 1
            labels = sets[places]
        else:
            of_kind = [kind if isinstance(kind, int) else numbers[str(kind)] for kind in self.kinds]
            labels = np.array(of_kind, np.int32)[places]
        starts = np.cumsum([0, *(shard["images"] for shard in self.shards)]).astype(np.int64)
        return SplitIndex(
            tuple(shard["file"] for shard in self.shards),
            starts,
            np.frombuffer(self.offsets, np.int64),
            np.frombuffer(self._sizes, np.int64).astype(np.uint32),
            labels,
            np.frombuffer(self._dimensions, np.int32).reshape(-1, 2),
            np.frombuffer(bytes(self._digests), np.uint8).reshape(-1, 32),
            PackedText(np.frombuffer(bytes(self._names), np.uint8), np.frombuffer(self._ends, np.int64)),
        )


def indexed_scan(
    where: str,
    splits: Mapping[SplitName, ScannedSplit],
    several: bool,
    classes: Sequence[str],
    left_out: Sequence[LeftOut],
    skip: bool,
    listing: Mapping[str, Any],
    unused: Sequence[LeftOut] = (),
) -> tuple[ShardIndex, dict[str, bytes]]:
    """Return the index of scanned images, and the content of its files.

    `classes` are those of the recipe, or empty; `left_out` are images that cannot be used, which are an error unless
    `skip` is true; `unused` are files that were not read; `listing` has further fields of the listing. Raises
    `DataError` if an image must not be left out, if a split is empty, or if labels are no classes.
    """
    if left_out and not skip:
        raise DataError(
            f"{len(left_out):,} entries of the shards in {where} cannot be used; repair them, or leave "
            f"them out with on_error: skip\n{lines([f'{one.name}: {one.reason}' for one in left_out])}"
        )
    if empty := [name for name, split in splits.items() if not split.offsets]:
        raise DataError(f"the shards of the {empty[0]} images in {where} have no image that can be used")
    try:
        labels = [label for split in splits.values() for label in split.kinds]
        names = classes_of(labels, classes, lambda label: _image_with(label, splits.values()))
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    notes = []
    if not classes and names and all(one.isdecimal() for one in names):
        notes.append("the labels are numbers, which are also the names of the classes; classes gives them names")
    contents = written(
        {name: split.index(names, several) for name, split in splits.items()},
        {
            "classes": names,
            "task": "multi_label" if several else "single_label",
            "shards": {name: split.shards for name, split in splits.items()},
            "left_out": [{"name": one.name, "reason": one.reason} for one in (*unused, *left_out)],
            "notes": notes,
            **listing,
        },
    )
    return index_of(listing_of(contents[LISTING], where), contents[ARRAYS], where), contents


def _image_with(label: Label, scanned: Iterable[ScannedSplit]) -> str:
    return next(place for split in scanned if (place := split.first(label)) is not None)
