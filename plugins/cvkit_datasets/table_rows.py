"""Turn the rows of tables into labelled image files."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cvkit import IMAGE_FORMATS, DataError, LeftOut, composed_name, readable_name

from .finding import listed
from .samples import SPLIT_NAMES, Sample, SplitName
from .table_columns import column_of, first_rows
from .table_labels import LabelColumns
from .tables import Row, as_text, rows_of

_IMAGE = ("file_name", "path", "file", "filename", "image")
_SPLIT = ("split",)
_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # Hugging Face's `imagefolder`


@dataclass(frozen=True)
class Columns:
    """The columns of a table that the recipe names; None for the usual names."""

    image: str | None
    labels: LabelColumns
    split: str | None
    group: str | None
    weight: str | None = None


@dataclass
class TableSamples:
    """The labelled images of tables; their columns; whether `group` is one; what was left out, and notes."""

    samples: list[Sample] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    group_is_column: bool = False
    left_out: list[LeftOut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def tables_of(place: Path) -> list[tuple[Path, SplitName | None]]:
    """Return the tables at `place`, each with the split of all its rows: the file itself, or a folder's metadata."""
    if not place.is_dir():
        return [(place, None)]
    own = _metadata(place)
    if own is not None:
        return [(own, None)]
    folders = sorted(item for item in place.iterdir() if item.is_dir() and item.name.lower() in SPLIT_NAMES)
    tables = ((_metadata(folder), SPLIT_NAMES[folder.name.lower()]) for folder in folders)
    return [(table, split) for table, split in tables if table is not None]


def samples_of(base: Path, tables: Sequence[tuple[Path, SplitName | None]], columns: Columns) -> TableSamples:
    """Return the labelled images of `tables`, named relative to `base`.

    Raises `DataError` with up to five rows that lack a value, name an unknown split, or contradict other rows.
    """
    found = TableSamples()
    for table, split in tables:
        raw = rows_of(table)
        rows = [as_text(row) for row in raw]
        header = [*dict.fromkeys(column for row in rows for column in row)]
        found.columns = header
        _require_header(table, header)
        image = column_of(table, header, "image", columns.image, _IMAGE, found.notes)
        filled = columns.labels.filled(table, header, found.notes)
        divided = None
        if split is None and (columns.split is not None or "split" in header):
            divided = column_of(table, header, "split", columns.split, _SPLIT, found.notes)
            found.notes += _without_split(rows, divided)
        group = columns.group if columns.group in header else None
        weight = None
        if columns.weight is not None:
            weight = column_of(table, header, "weight", columns.weight, (), found.notes)
        found.group_is_column = found.group_is_column or group is not None
        _require_values(table, rows, filled | {name for name in (image, group, weight) if name is not None})
        labels = columns.labels.read(table, raw, header, found.notes)
        weights = [None] * len(rows) if weight is None else _weights(table, rows, weight)
        for row, given, of_row in zip(rows, labels, weights, strict=True):
            path = table.parent / row[image]
            name = Path(os.path.relpath(path, base)).as_posix()
            own = _split_of(table, row[divided]) if divided is not None else split
            found.samples.append(
                Sample(
                    readable_name(name),
                    path,
                    given.label,
                    own,
                    composed_name(row[group]) if group else "",
                    of_row,
                    given.label_set,
                )
            )
    found.samples, repeated = _once(tables[0][0], found.samples)
    found.left_out += repeated
    return found


def _metadata(folder: Path) -> Path | None:
    tables = [folder / name for name in _METADATA if (folder / name).is_file()]
    if len(tables) > 1:
        raise DataError(f"{folder} contains {listed([table.name for table in tables])}; keep one of them")
    return tables[0] if tables else None


def _require_values(table: Path, rows: Sequence[Row], columns: set[str]) -> None:
    lacking = [[name for name in sorted(columns) if not row.get(name)] for row in rows]
    empty = [f"row {number} ({', '.join(names)})" for number, names in enumerate(lacking, 1) if names]
    if empty:
        raise DataError(f"{table} has empty values: {first_rows(empty)}; fill them in, or remove the rows")


def _require_header(table: Path, header: Sequence[str]) -> None:
    """Raise `DataError` if a column has the name of an image file, because then the table has no header."""
    if any(Path(column).suffix.lower() in IMAGE_FORMATS for column in header):
        raise DataError(
            f"{table} has no header: its first row is {listed(header)}. The first row must name the columns, such as "
            "file,label"
        )


def _without_split(rows: Sequence[Row], column: str) -> list[str]:
    """Return a note if some rows have a split and others have none."""
    empty = [f"row {number}" for number, row in enumerate(rows, 1) if not row.get(column)]
    if not 0 < len(empty) < len(rows):
        return []
    return [
        f"{len(empty):,} of {len(rows):,} rows have no value in the column '{column}' and are read as training "
        f"images: {first_rows(empty)}"
    ]


def _weights(table: Path, rows: Sequence[Row], column: str) -> list[float]:
    """Return the numbers of a column; raise `DataError` with up to five rows that have no number of at least 0."""
    weights, wrong = [], []
    for number, row in enumerate(rows, 1):
        try:
            weights.append(float(row[column]))
        except ValueError:
            weights.append(math.nan)
        if not (math.isfinite(weights[-1]) and weights[-1] >= 0):
            wrong.append(f"row {number} ('{row[column]}')")
    if wrong:
        raise DataError(
            f"{table} has values in '{column}' that are no weights: {first_rows(wrong)}; a weight is a "
            "finite number of at least 0"
        )
    return weights


def _split_of(table: Path, value: str) -> SplitName | None:
    if not value:
        return None
    if value.lower() not in SPLIT_NAMES:
        raise DataError(f"{table} has the split '{value}'; splits are {', '.join(SPLIT_NAMES)}")
    return SPLIT_NAMES[value.lower()]


def _once(table: Path, samples: Sequence[Sample]) -> tuple[list[Sample], list[LeftOut]]:
    """Return each file once, and the repetitions; raise `DataError` if rows of one file contradict each other."""
    first: dict[Path, Sample] = {}
    repeated: list[LeftOut] = []
    for sample in samples:
        place = Path(os.path.normpath(sample.path))
        known = first.setdefault(place, sample)
        if replace(known, name=sample.name, path=sample.path) != sample:
            raise DataError(
                f"{table} lists {sample.name} twice, with different values: {_values(known)} and {_values(sample)}"
            )
        if known is not sample:
            repeated.append(LeftOut(sample.name, "listed in the table more than once"))
    return [*first.values()], repeated


def _values(sample: Sample) -> str:
    weight = "" if sample.weight is None else f"weight {sample.weight:g}"
    return ", ".join(value for value in (sample.label, sample.split, sample.group, weight) if value)
