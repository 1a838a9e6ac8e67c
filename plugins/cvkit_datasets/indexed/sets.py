"""Turn an index of images and their store into `Splits`: task, classes, normalisation, digest and account."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cvkit import DataAccount, DataError, DataInfo, Framing, ImageCount, LeftOut, Splits

from ..headers import MOST_NAMED
from ..options import Reading
from ..samples import SplitName
from .files import ShardFiles
from .index import LISTING, PackedInput, ShardIndex
from .split import ShardSplit


def opened_set(
    store: ShardFiles,
    found: ShardIndex,
    reading: Reading,
    several: bool,
    kinds: Mapping[SplitName, str] | None = None,
) -> Splits:
    """Return the splits of an index, whose images are read from a store.

    `several` requires sets of labels; an image with one class then has this label alone. `kinds` says for each split
    how its images are stored, as for `ShardSplit`; None if they are files. Raises `ValueError` or `DataError` if the
    index does not suit the options.
    """
    listing, kinds = found.listing, kinds or {}
    task = "multi_label" if several else "single_label"
    if listing.task == "multi_label" and not several:
        raise ValueError(f"the images in {store.where()} have sets of labels; set several_labels: true")
    if listing.task != task:
        found = _with_sets(found)
    held: dict[SplitName, ShardSplit] = {
        name: ShardSplit(
            store, index, reading.channels, reading.bits, reading.max_megapixels, kinds.get(name, "file")
        )
        for name, index in found.splits.items()
    }
    if "train" not in held or len(held) < 2:
        raise DataError(f"{store.where(LISTING)} has no training images, or neither validation nor test images")
    if reading.framing is None:
        _require_size(store, held, reading.input_size)
    mean, std = _statistics(listing.input, reading)
    return Splits(
        train=held["train"],
        validation=held.get("validation"),
        test=held.get("test"),
        info=DataInfo(
            reading.channels,
            *reading.input_size,
            listing.classes,
            mean,
            std,
            framing=None if reading.framing is None else Framing(reading.framing, decode=reading.decode),
            fixed_normalisation=reading.mean is not None or reading.std is not None,
            task=task,
        ),
        digest=_digest(found, reading, kinds),
        account=_account(found, held),
    )


def _with_sets(found: ShardIndex) -> ShardIndex:
    """Return an index in which each image has a set of labels: its class alone."""
    sets = np.eye(len(found.listing.classes), dtype=np.uint8)
    splits = {name: replace(index, labels=sets[index.labels]) for name, index in found.splits.items()}
    return ShardIndex(found.listing, splits)


def _statistics(packed: PackedInput | None, reading: Reading) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation: those of the packed data set unless the recipe gives others."""
    if packed is None or packed.channels != reading.channels:
        return reading.statistics
    return reading.mean or packed.mean, reading.std or packed.std


def _require_size(store: ShardFiles, held: dict[SplitName, ShardSplit], size: tuple[int, int]) -> None:
    wrong = []
    for name, split in held.items():
        sizes = split.index.dimensions
        others = (sizes != np.array(size)).any(axis=1).nonzero()[0]
        wrong += [f"{name} image {place}: {sizes[place][0]}x{sizes[place][1]}" for place in others[:MOST_NAMED]]
    if wrong:
        lines = "\n".join(f"  {line}" for line in wrong[:MOST_NAMED])
        raise DataError(
            f"framing: null requires images of {size[0]}x{size[1]} pixels (height x width), but others are in "
            f"{store.where()}; set framing: crop, pad or squash\n{lines}"
        )


def _digest(found: ShardIndex, reading: Reading, kinds: Mapping[SplitName, str]) -> str:
    """Return a digest of all images and labels, of their splits, and of how images are read."""
    whole = hashlib.sha256(f"{reading.channels} {reading.bits} {found.listing.classes}".encode())
    for name, index in found.splits.items():
        whole.update(f"\n{name} {kinds.get(name, '')}".encode() + index.content_digest())
    return f"shards-1:{whole.hexdigest()}"


def _account(found: ShardIndex, held: dict[SplitName, ShardSplit]) -> DataAccount:
    listing = found.listing
    counts: dict[str, dict[str, int]] = {}
    images: dict[str, ImageCount] = {}
    for name, split in held.items():
        labels = split.index.labels
        of_classes = labels.sum(axis=0) if labels.ndim == 2 else np.bincount(labels, minlength=len(listing.classes))
        counts[name] = dict(zip(listing.classes, map(int, of_classes), strict=True))
        if labels.ndim == 2:
            images[name] = ImageCount(len(labels), int((~labels.any(axis=1)).sum()))
    left_out = tuple(LeftOut(one.name, one.reason) for one in listing.left_out)
    return DataAccount(counts, left_out, listing.notes, images=images)
