"""Read columns of a table, such as the paths of image files: CSV, TSV or Parquet, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError, did_you_mean
from .image_paths import Listed, NoPath

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
TABLES = (*_DELIMITERS, ".parquet")


@dataclass(frozen=True)
class Wanted:
    """A column that is searched for.

    Attributes:
        option: The option that names it.
        meaning: What it contains, in the plural.
        usual: Names of the column in lower case, as `image_table` finds them.
        name: The name that the user gave; None for the only column with a usual name.
    """

    option: str
    meaning: str
    usual: tuple[str, ...]
    name: str | None = None


def path_column(name: str | None) -> Wanted:
    """Return the column of paths."""
    return Wanted("--column", "paths", ("file_name", "path", "file", "filename", "image"), name)


def paths_in_table(table: Path, column: str | None) -> Iterator[Listed]:
    """Yield the path in each row of a table, relative to the folder of the table, or `NoPath` if the cell is empty.

    `column` is None for the only column with a usual name. The header is read at once. Raises `DataError` if the
    table cannot be read, has no such column, or if the column contains something other than text.
    """
    rows = rows_of(table, [path_column(column)])
    return (_listed(table, number, value) for number, (value,) in enumerate(rows, start=1))


def path_in(table: Path, number: int, value: Any) -> Path:
    """Return the path in a row of a table; raise `DataError` if there is none."""
    found = _listed(table, number, value)
    if isinstance(found, NoPath):
        raise DataError(found.error)
    return found


def _listed(table: Path, number: int, value: Any) -> Listed:
    expected = f"'{table}', row {number:,}: expected the path of an image"
    if value is None or (isinstance(value, str) and not value.strip()):
        return NoPath(f"{expected}, but the cell is {'missing' if value is None else 'empty'}")
    if not isinstance(value, str):
        raise DataError(f"{expected}, got {value!r}")
    return table.parent / value.strip()


def rows_of(table: Path, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    """Return the values of columns, row by row; the header is read at once. Raises `DataError`."""
    ending = table.suffix.lower()
    if ending not in TABLES:
        raise DataError(f"'{table}' is not a table that cvkit reads; tables end in {', '.join(TABLES)}")
    rows = _parquet(table, wanted) if ending == ".parquet" else _delimited(table, _DELIMITERS[ending], wanted)
    next(rows)  # the header is checked before anything else happens
    return rows


def _delimited(table: Path, usual: str, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets write a byte order mark
            first = next((line for line in stream if line.strip()), "")
            stream.seek(0)
            rows = csv.DictReader(
                stream, delimiter=next((sign for sign in (usual, ";", "\t") if sign in first), usual)
            )
            names = [_column_of(table, rows.fieldnames or [], each) for each in wanted]
            yield tuple(names)
            for row in rows:
                yield tuple(row[name] for name in names)
    except UnicodeDecodeError as error:
        raise DataError(f"'{table}' is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"could not read '{table}': {error.strerror or error}") from error
    except csv.Error as error:
        raise DataError(f"'{table}' cannot be read as CSV: {error}") from error


def _parquet(table: Path, wanted: Sequence[Wanted]) -> Iterator[tuple[Any, ...]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise DataError(f"reading '{table}' requires pyarrow: pip install 'cvkit-core[tables]'") from None
    try:
        with parquet.ParquetFile(table) as opened:
            names = [_column_of(table, opened.schema_arrow.names, each) for each in wanted]
            yield tuple(names)
            for batch in opened.iter_batches(columns=names):
                yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
    except ArrowException as error:
        raise DataError(f"'{table}' cannot be read as Parquet: {error}") from error
    except OSError as error:
        raise DataError(f"could not read '{table}': {error.strerror or error}") from error


def _column_of(table: Path, header: Sequence[str], wanted: Wanted) -> str:
    names = ", ".join(header[:20]) or "no columns"
    if wanted.name is not None:
        if wanted.name not in header:
            hint = did_you_mean(wanted.name, header)
            raise DataError(f"'{table}' has no column '{wanted.name}'; it has {names}{hint and f'. {hint}'}")
        return wanted.name
    usual = [name for name in header if name.lower() in wanted.usual]
    if len(usual) != 1:
        several = f"several columns that may contain {wanted.meaning}"
        found = several if usual else f"no column with a usual name for {wanted.meaning}"
        raise DataError(f"'{table}' has {found}; name it with {wanted.option}: {names}")
    return usual[0]
