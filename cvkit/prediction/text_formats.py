"""Predictions as lines of text: CSV and JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from ..figures.csv_export import csv_lines
from ..files.strict_json import json_line
from .columns import ERROR, FILE, Cell, Columns

_DIGITS = 6
SEPARATOR = "|"  # between the labels of an image, as in predictions.csv of a run


@dataclass(frozen=True)
class DoneRow:
    """A row of an earlier command: its file as it is written, whether it was predicted, and where the row ends."""

    file: str
    predicted: bool
    end: int


class TextFormat(Protocol):
    """Writes rows as lines, and reads them again."""

    def header(self, columns: Columns) -> bytes:
        """Return the line above the rows; empty if the format has none."""
        ...

    def lines(self, columns: Columns, rows: Iterable[Sequence[Cell]]) -> bytes:
        """Return the lines of rows."""
        ...

    def written(self, file: str) -> str:
        """Return the text of the column `file` as it is read again."""
        ...

    def done(self, stream: BinaryIO, columns: Columns) -> Iterator[DoneRow]:
        """Yield the complete rows of an earlier command; raise `ValueError` for a row that it did not write."""
        ...


class Csv:
    """CSV with commas, UTF-8 and line feeds."""

    def header(self, columns: Columns) -> bytes:
        """Return the names of the columns."""
        return _encoded(csv_lines([[*columns.types]], "\n"))

    def lines(self, columns: Columns, rows: Iterable[Sequence[Cell]]) -> bytes:
        """Return a line for each row; labels have ``|`` between them."""
        return _encoded(csv_lines(([_text(cell) for cell in row] for row in rows), "\n"))

    def written(self, file: str) -> str:
        """Return the text of the cell, which has an apostrophe if a spreadsheet would run it."""
        return next(csv.reader(io.StringIO(csv_lines([[file]], "\n"))))[0]

    def done(self, stream: BinaryIO, columns: Columns) -> Iterator[DoneRow]:
        """Yield the complete rows."""
        header, names = self.header(columns), [*columns.types]
        if stream.read(len(header)) != header:
            raise ValueError("its first line is not the header of this command's columns")
        end = len(header)
        for line in _records(stream):
            end += len(line)
            cells = next(csv.reader(io.StringIO(line.decode(), newline="")), [])
            if len(cells) != len(names):
                raise ValueError(f"a row has {len(cells)} values instead of {len(names)}: {line[:80]!r}")
            row = dict(zip(names, cells, strict=True))
            yield DoneRow(row[FILE], not row[ERROR], end)


class JsonLines:
    """A JSON object in each line."""

    def header(self, columns: Columns) -> bytes:
        """Return nothing: each line names its columns."""
        return b""

    def lines(self, columns: Columns, rows: Iterable[Sequence[Cell]]) -> bytes:
        """Return an object for each row; values that a file lacks are null."""
        names = [*columns.types]
        objects = (dict(zip(names, map(_rounded, row), strict=True)) for row in rows)
        return b"".join(map(json_line, objects))

    def written(self, file: str) -> str:
        """Return the same text."""
        return file

    def done(self, stream: BinaryIO, columns: Columns) -> Iterator[DoneRow]:
        """Yield the complete rows."""
        names, end = [*columns.types], 0
        for line in stream:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            row = json.loads(line)
            if not isinstance(row, dict) or [*row] != names:
                raise ValueError(f"a row has other columns than those of this command: {line[:80]!r}")
            yield DoneRow(row[FILE], not row[ERROR], end)


TEXT_FORMATS: dict[str, TextFormat] = {".csv": Csv(), ".jsonl": JsonLines()}
"""The formats by the ending of a file."""


def _records(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the complete records of a CSV file, which contain line breaks only between quotation marks."""
    record = b""
    for line in stream:
        record += line
        if record.endswith(b"\n") and record.count(b'"') % 2 == 0:
            yield record
            record = b""


def _text(cell: Cell) -> str:
    if isinstance(cell, list):
        return SEPARATOR.join(map(_text, cell))
    if isinstance(cell, bool):
        return str(cell).lower()
    return f"{cell:.{_DIGITS}f}" if isinstance(cell, float) else cell or ""


def _rounded(cell: Any) -> Any:
    """Return a cell with rounded numbers."""
    if isinstance(cell, list):
        return [_rounded(each) for each in cell]
    return round(cell, _DIGITS) if isinstance(cell, float) else cell


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")
