"""Read the labels of the rows of a table: a class, several labels in a column, or a column for each label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cvkit import DataError, composed_name

from .finding import listed
from .table_columns import column_of, first_rows
from .tables import as_text

_ONE = ("label", "class", "target", "category")
_TAGS = ("labels", "classes", "tags")
_SEVERAL = (*_ONE, *_TAGS)
Rows = Sequence[dict[str, Any]]
_YES, _NO = ("1", "true", "yes"), ("0", "false", "no")


class RowLabels(NamedTuple):
    """The class of an image; or the labels of an image, and the same as text."""

    label: str
    label_set: tuple[str, ...] | None = None

    @classmethod
    def of_set(cls, names: Iterable[str]) -> RowLabels:
        """Return a set of labels, each once, in the order of their names."""
        labels = tuple(sorted({composed_name(name) for name in names}))
        return cls(", ".join(labels), labels)


class LabelColumns(Protocol):
    """Where the labels of a row are."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes in their order; empty if only the rows name them."""
        ...

    def filled(self, table: Path, header: Sequence[str], notes: list[str]) -> set[str]:
        """Return the columns in which no value may be empty; add a note for each column that was guessed."""
        ...

    def read(
        self, table: Path, raw: Sequence[dict[str, Any]], header: Sequence[str], notes: list[str]
    ) -> list[RowLabels]:
        """Return the labels of each row, and add notes; raise `DataError` with up to five rows with wrong values."""
        ...


@dataclass(frozen=True)
class ClassColumn:
    """One class for each row, in a column; None for a usual name."""

    named: str | None
    classes: tuple[str, ...] = ()

    def filled(self, table: Path, header: Sequence[str], notes: list[str]) -> set[str]:
        """Return the column; raise `DataError` with what to write if only one for several labels has a usual name."""
        tags = [column for column in header if column.lower() in _TAGS]
        if self.named is None and tags and not any(column.lower() in _ONE for column in header):
            raise DataError(
                f"{table} has no label column; if an image has several labels in '{tags[0]}', set labels_separator "
                f"to what separates them, else set label to one of {listed(header, 20)}"
            )
        return {column_of(table, header, "label", self.named, _ONE, notes)}

    def read(
        self, table: Path, raw: Sequence[dict[str, Any]], header: Sequence[str], notes: list[str]
    ) -> list[RowLabels]:
        """Return the text of the column."""
        label = column_of(table, header, "label", self.named, _ONE, [])
        _require_plain(table, raw, label)
        return [RowLabels(composed_name(as_text(row)[label])) for row in raw]


@dataclass(frozen=True)
class SeparatedColumn:
    """Several labels for each row, in a column with a `separator`; a list in JSON and Parquet. Empty for none."""

    named: str | None
    separator: str
    classes: tuple[str, ...] = ()

    def filled(self, table: Path, header: Sequence[str], notes: list[str]) -> set[str]:
        """Return no column, because a row may have no label."""
        column_of(table, header, "label", self.named, _SEVERAL, notes)
        return set()

    def read(
        self, table: Path, raw: Sequence[dict[str, Any]], header: Sequence[str], notes: list[str]
    ) -> list[RowLabels]:
        """Return the labels between the separators; add a note if no row has the separator."""
        label = column_of(table, header, "label", self.named, _SEVERAL, [])
        cells = [row.get(label) for row in raw]
        wrong = [f"row {number} ({cell!r})" for number, cell in enumerate(cells, 1) if not _labels_only(cell)]
        if wrong:
            raise DataError(
                f"{table} has labels in '{label}' that are neither text, nor integers, nor lists of these: "
                f"{first_rows(wrong)}"
            )
        texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
        if texts and not any(self.separator in text for text in texts):
            notes.append(f"no row contains the separator '{self.separator}' in the column '{label}' ({texts[0]!r})")
        return [RowLabels.of_set(self._names(cell)) for cell in cells]

    def _names(self, cell: Any) -> Iterable[str]:
        names = [_text(one) for one in cell] if isinstance(cell, list) else _text(cell).split(self.separator)
        return filter(None, (name.strip() for name in names))


@dataclass(frozen=True)
class ColumnEach:
    """A column for each label, with 1 in the rows that have it and 0 in the others."""

    names: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """The columns: each is a class, also if no row has a 1, and their order is that of the classes."""
        return self.names

    def filled(self, table: Path, header: Sequence[str], notes: list[str]) -> set[str]:
        """Return the columns."""
        return {column_of(table, header, "label_columns", name, (), notes) for name in self.names}

    def read(
        self, table: Path, raw: Sequence[dict[str, Any]], header: Sequence[str], notes: list[str]
    ) -> list[RowLabels]:
        """Return the names of the columns with a 1."""
        rows = [{name: value.lower() for name, value in as_text(row).items()} for row in raw]
        for name in self.names:
            known = (*_YES, *_NO)
            wrong = [f"row {number} ('{row[name]}')" for number, row in enumerate(rows, 1) if row[name] not in known]
            if wrong:
                raise DataError(f"{table} has values in '{name}' that are neither 0 nor 1: {first_rows(wrong)}")
        return [RowLabels.of_set(name for name in self.names if row[name] in _YES) for row in rows]


def label_columns_of(label: str | None, separator: str | None, columns: tuple[str, ...]) -> LabelColumns:
    """Return where the options of the data set say that the labels are; raise `ValueError` if they contradict."""
    if columns and (label is not None or separator is not None):
        raise ValueError("label_columns names a column for each label; remove label and labels_separator")
    if repeated := [name for name, count in Counter(map(composed_name, columns)).items() if count > 1]:
        raise ValueError(f"label_columns names {listed(repeated)} more than once")
    if separator == "":
        raise ValueError("labels_separator is empty; write what separates the labels, such as '|'")
    if columns:
        return ColumnEach(columns)
    return ClassColumn(label) if separator is None else SeparatedColumn(label, separator)


def _require_plain(table: Path, rows: Sequence[dict[str, Any]], label: str) -> None:
    """Raise `DataError` with up to five rows whose label is neither text nor an integer, such as a list or true."""
    wrong = [f"row {number} ({row[label]!r})" for number, row in enumerate(rows, 1) if not _plain(row[label])]
    if wrong:
        raise DataError(
            f"{table} has labels in '{label}' that are neither text nor integers: {first_rows(wrong)}; write one "
            "class for each image, or set labels_separator if an image has several labels"
        )


def _plain(value: Any) -> bool:
    """Return whether a value is text or an integer, which other programs write as 1.0."""
    return isinstance(value, str) or (
        not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer()
    )


def _labels_only(cell: Any) -> bool:
    """Return whether a cell is a label or a list of labels; each may be missing."""
    return all(one is None or _plain(one) for one in (cell if isinstance(cell, list) else [cell]))


def _text(value: Any) -> str:
    return as_text({"": value})[""]
