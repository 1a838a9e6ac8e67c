"""Look at a folder or a table of photos: the layout, the classes, the sizes, and what is damaged."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.account import DataAccount
from ..data.checking import CheckedSplit
from ..data.image_headers import read_header
from ..data.splits import Split, Splits
from ..engine.building import open_dataset
from ..errors import DataError
from ..host.catalog import Catalog
from ..recipe import read_text, resolve
from ..recipe.dump import in_one_line

SHARE = 0.15
"""The fraction of the photos that become validation images, and test images, unless the photos have such a split."""

_COLUMNS = ("image", "label", "split")
_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


@dataclass(frozen=True)
class Photos:
    """What was found.

    Attributes:
        options: The options of the data set with which the photos can be read, `name` and `path` first.
        splits: The photos, opened with these options.
        account: What was read and what was left out.
        own: The splits that the photos have themselves, such as ``test``.
        sides: The shorter and the longer side of each readable photo, in pixels.
    """

    options: Mapping[str, Any]
    splits: Splits
    account: DataAccount
    own: tuple[str, ...]
    sides: tuple[tuple[int, int], ...]

    @property
    def total(self) -> dict[str, int]:
        """The photos of each class in all splits, in the order of the classes."""
        found: Counter[str] = Counter()
        for counts in self.account.counts.values():
            found.update(counts)
        return dict(found)

    @property
    def training(self) -> int:
        """The number of training photos."""
        return len(self.splits.train)

    @property
    def imbalance(self) -> float:
        """The ratio of the largest class to the smallest, in the training photos."""
        counts = self.account.counts["train"].values()
        return max(counts) / max(1, min(counts))

    @property
    def long(self) -> float:
        """The fraction of photos of which a square crop loses more than half."""
        return sum(longer > 2 * shorter for shorter, longer in self.sides) / max(1, len(self.sides))

    @property
    def typical(self) -> tuple[int, int]:
        """The median of the shorter and of the longer sides, in pixels."""
        shorter, longer = zip(*self.sides, strict=True)
        return round(statistics.median(shorter)), round(statistics.median(longer))


def look(place: Path, reading: Mapping[str, Any], catalog: Catalog, data: Path) -> Photos:
    """Open the photos at `place`, a folder or a table, and return what they are.

    Photos without a validation or a test split are given one; damaged photos are left out.

    Args:
        place: The folder or the table.
        reading: Options of the data set that the user chose, such as `size`.
        catalog: The installed components.
        data: The data folder.

    Raises:
        DataError: The photos cannot be read, are in no known layout, or are too few.
    """
    options: dict[str, Any] = {"name": _dataset_of(place), "path": str(place), **reading}
    if options["name"] == "image_folder" and (columns := [name for name in _COLUMNS if name in reading]):
        raise DataError(f"'{place}' is a folder without a table, which has no columns; leave out --{columns[0]}")
    try:
        own = _open(options | {"on_error": "skip"}, catalog, data).account
        lacking = [] if own is None else [name for name in ("validation", "test") if name not in own.counts]
    except DataError:  # the photos have no split of their own, or cannot be read, which the next call reports
        own, lacking = None, ["validation", "test"]
    options |= dict.fromkeys(lacking, SHARE)
    splits = _open(options | {"on_error": "skip"}, catalog, data)
    if splits.account is None:
        raise DataError(f"the data set {options['name']} does not say what it read, so cvkit new cannot use it")
    damaged = any(one.reason.startswith("damaged") for one in splits.account.left_out)
    return Photos(
        options | ({"on_error": "skip"} if damaged else {}),
        splits,
        splits.account,
        () if own is None else tuple(own.counts),
        _sides(splits),
    )


def _dataset_of(place: Path) -> str:
    """Return the data set that reads `place`: tables are files, or folders that contain metadata."""
    folders = [place, *(place / name for name in ("train", "val", "validation", "test"))]
    table = place.is_file() or any((folder / name).is_file() for folder in folders for name in _METADATA)
    return "image_table" if table else "image_folder"


def _open(options: Mapping[str, Any], catalog: Catalog, data: Path) -> Splits:
    smallest = f"dataset: {in_one_line(dict(options))}\nmodel: resnet/custom_resnet\noptimizer: torch/sgd\n"
    return open_dataset(resolve(read_text(smallest), catalog), data)


def _sides(splits: Splits) -> tuple[tuple[int, int], ...]:
    found = []
    for split in (splits.train, splits.validation, splits.test):
        for file in _files(split):
            header = read_header(file)
            found.append((min(header.height, header.width), max(header.height, header.width)))
    return tuple(found)


def _files(split: Split | None) -> tuple[Path, ...]:
    while isinstance(split, CheckedSplit):
        split = split.split
    return tuple(getattr(split, "files", ()))
