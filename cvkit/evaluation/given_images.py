"""Labelled image files that a user gives: folders that are named after classes, or a table of files and labels."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..data.digests import file_digest
from ..data.label_forms import SEPARATOR
from ..data.splits import DataInfo, Half
from ..errors import DataError, did_you_mean
from ..formatting import counted
from ..prediction.image_paths import ImagePaths
from ..prediction.path_tables import Wanted, path_column, path_in, rows_of
from ..printable import named_in, readable_name
from ..tasks import SINGLE_LABEL

_LABEL = ("label", "class", "target", "category")
_LABELS = (*_LABEL, "labels", "classes", "tags")
_MOST_NAMED = 10


@dataclass(frozen=True)
class GivenImages:
    """Labelled image files.

    Attributes:
        files: The files.
        names: Their names, relative to the folder or the table.
        labels: The classes of each file; one, unless images have sets of labels.
        notes: What was left out or is missing, as sentences.
        digests: The digest that each file must have; empty if any content is accepted.
        half: ``given``, or the split of a run's data set that the files belong to.
    """

    files: tuple[Path, ...]
    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    notes: tuple[str, ...]
    digests: tuple[str, ...] = ()
    half: Half | Literal["given"] = "given"

    def fault(self, place: int, digest: str) -> str:
        """Return why the file at a position is not used, if its bytes have this digest; empty if it is used."""
        if not self.digests or digest == self.digests[place]:
            return ""
        return f"{self.files[place]}: was changed after the run had measured it"


@dataclass(frozen=True)
class TableColumns:
    """The columns of a table that the user names; None for the usual names."""

    path: str | None = None
    label: str | None = None


def given_images(
    place: Path, info: DataInfo, columns: TableColumns | None = None, *, ignore_unknown: bool = False
) -> GivenImages:
    """Return the labelled images in a folder or a table, with the classes of `info`, which are matched by name.

    Raises `DataError` if a class is not one of the model's, unless `ignore_unknown` leaves its images out, and if
    there is no image.
    """
    several = info.task != SINGLE_LABEL.name
    if place.is_dir():
        if columns is not None and columns != TableColumns():
            raise DataError(f"'{place}' is a folder; --column and --label-column are for tables")
        notes: list[str] = []
        pairs = _in_folders(place, several, notes)
        if several:
            pairs = _together(pairs)
        base = place
    elif place.is_file():
        notes, base = [], place.parent
        pairs = _in_table(place, several, columns or TableColumns())
    else:
        raise DataError(f"there is no folder or table '{place}'")
    return _matched(place, base, [*pairs], info, ignore_unknown, notes)


def _in_folders(place: Path, several: bool, notes: list[str]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield each image with the name of its class; images beside the folders have no label."""
    beside = left_out = 0
    for entry in sorted(place.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            found = ImagePaths([str(entry)])
            yield from ((path, (entry.name,)) for path in found.searched())
            left_out += found.left_out
        elif several:
            yield from ((path, ()) for path in [entry] if ImagePaths.is_image(entry.name))
        else:
            beside += 1
    if beside:
        notes.append(f"left out {counted(beside, 'file')} beside the folders of the classes")
    if left_out:
        notes.append(f"left out {counted(left_out, 'file')} without the ending of an image, such as .jpg")


def _together(pairs: Iterator[tuple[Path, tuple[str, ...]]]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield each image once, with the labels of all folders that contain its bytes."""
    found: dict[str, tuple[Path, tuple[str, ...]]] = {}
    for path, labels in pairs:
        key = file_digest(path) or str(path)
        first, known = found.get(key, (path, ()))
        found[key] = (first, tuple(dict.fromkeys((*known, *labels))))
    yield from found.values()


def _in_table(table: Path, several: bool, columns: TableColumns) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the path and the labels in each row; several labels have ``|`` between them, or are a list."""
    meaning, usual = ("labels", _LABELS) if several else ("classes", _LABEL)
    rows = rows_of(table, [path_column(columns.path), Wanted("--label-column", meaning, usual, columns.label)])
    for number, (path, label) in enumerate(rows, start=1):
        names = [str(each).strip() for each in label] if isinstance(label, list) else _split(label, several)
        if not several and len(names) != 1:
            raise DataError(f"'{table}', row {number:,}: expected a class, got {label!r}")
        yield path_in(table, number, path), tuple(names)


def _split(label: object, several: bool) -> list[str]:
    text = "" if label is None else str(label).strip()
    return [name.strip() for name in (text.split(SEPARATOR) if several else [text]) if name.strip()]


def _matched(
    place: Path,
    base: Path,
    pairs: Sequence[tuple[Path, tuple[str, ...]]],
    info: DataInfo,
    ignore_unknown: bool,
    notes: list[str],
) -> GivenImages:
    names = Counter(name for _, labels in pairs for name in labels)
    numbers = {name: named_in(name, info.classes) for name in names}
    unknown = [name for name, number in numbers.items() if number is None]
    if unknown and not ignore_unknown:
        raise DataError(_unknown(place, unknown, info.classes))
    if unknown:
        without = "" if info.task == SINGLE_LABEL.name else ", and images with them"
        images = sum(not set(labels).isdisjoint(unknown) for _, labels in pairs)
        notes.append(
            f"left out {counted(len(unknown), 'class')} that the model does not have{without} "
            f"({counted(images, 'image')}): {_listed(unknown)}"
        )
    kept = [pair for pair in pairs if set(pair[1]).isdisjoint(unknown)]
    if not kept:
        raise DataError(f"'{place}' contains no images of the classes of the model: {_listed(info.classes)}")
    seen = {numbers[name] for _, labels in kept for name in labels}
    if absent := [name for number, name in enumerate(info.classes) if number not in seen]:
        notes.append(f"no image has {'this class' if len(absent) == 1 else 'these classes'}: {_listed(absent)}")
    labels = tuple(tuple(number for name in of if (number := numbers[name]) is not None) for _, of in kept)
    files = tuple(path for path, _ in kept)
    shown = tuple(readable_name(Path(os.path.relpath(path, base)).as_posix()) for path in files)
    return GivenImages(files, shown, labels, tuple(notes))


def _unknown(place: Path, unknown: Sequence[str], classes: Sequence[str]) -> str:
    near = {name: did_you_mean(name, classes) for name in unknown[:_MOST_NAMED]}
    hints = "".join(f". '{name}': {hint}" for name, hint in near.items() if hint)
    inner = [name for name in unknown if (place / name).is_dir() and set(os.listdir(place / name)) & {*classes}]
    advice = f"'{inner[0]}' has folders of classes: evaluate '{place / inner[0]}'. " if inner else ""
    return (
        f"'{place}' has classes that the model does not have: {_listed(unknown)}. The model has {_listed(classes)}. "
        f"{advice}Rename them, or leave their images out with --ignore-unknown{hints}"
    )


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest:,} more" if rest > 0 else "")
