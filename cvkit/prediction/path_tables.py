"""Read the paths of image files from a column of a table: CSV, TSV or Parquet, row by row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import DataError, did_you_mean

_USUAL = ("file_name", "path", "file", "filename", "image")  # as `image_table` finds them
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def paths_in_table(table: Path, column: str | None) -> Iterator[Path]:
    """Yield the path in each row of a table, relative to the folder of the table.

    `column` is None for the only column with a usual name. The header is read at once. Raises `DataError` if the
    table cannot be read, has no such column, or has a row without a path.
    """
    ending = table.suffix.lower()
    if ending not in (*_DELIMITERS, ".parquet"):
        raise DataError(f"'{table}' is not a table that cvkit reads; tables end in .csv, .tsv or .parquet")
    rows = _parquet(table, column) if ending == ".parquet" else _delimited(table, _DELIMITERS[ending], column)
    next(rows)  # the header is checked before anything else happens
    return (_path(table, number, value) for number, value in enumerate(rows, start=1))


def _path(table: Path, number: int, value: Any) -> Path:
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"'{table}', row {number:,}: expected the path of an image, got {value!r}")
    return table.parent / value.strip()


def _delimited(table: Path, usual: str, column: str | None) -> Iterator[Any]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets write a byte order mark
            first = next((line for line in stream if line.strip()), "")
            stream.seek(0)
            rows = csv.DictReader(
                stream, delimiter=next((sign for sign in (usual, ";", "\t") if sign in first), usual)
            )
            name = _column_of(table, rows.fieldnames or [], column)
            yield name
            for row in rows:
                yield row[name]
    except UnicodeDecodeError as error:
        raise DataError(f"'{table}' is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"could not read '{table}': {error.strerror or error}") from error
    except csv.Error as error:
        raise DataError(f"'{table}' cannot be read as CSV: {error}") from error


def _parquet(table: Path, column: str | None) -> Iterator[Any]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise DataError(f"reading '{table}' requires pyarrow: pip install 'cvkit-core[tables]'") from None
    try:
        with parquet.ParquetFile(table) as opened:
            name = _column_of(table, opened.schema_arrow.names, column)
            yield name
            for batch in opened.iter_batches(columns=[name]):
                yield from batch.column(0).to_pylist()
    except ArrowException as error:
        raise DataError(f"'{table}' cannot be read as Parquet: {error}") from error
    except OSError as error:
        raise DataError(f"could not read '{table}': {error.strerror or error}") from error


def _column_of(table: Path, header: Sequence[str], column: str | None) -> str:
    names = ", ".join(header[:20]) or "no columns"
    if column is not None:
        if column not in header:
            hint = did_you_mean(column, header)
            raise DataError(f"'{table}' has no column '{column}'; it has {names}{hint and f'. {hint}'}")
        return column
    usual = [name for name in header if name.lower() in _USUAL]
    if len(usual) != 1:
        found = "several columns that may contain paths" if usual else "no column with a usual name for paths"
        raise DataError(f"'{table}' has {found}; name it with --column: {names}")
    return usual[0]
