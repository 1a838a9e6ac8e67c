"""Read the rows of a table: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from cvkit import DataError

from .finding import listed

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}

Row = dict[str, str]


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a table by column, with the values that the format has; `as_text` makes them text.

    Raises `DataError` with the file, and the line if there is one, if the table cannot be read.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise DataError(f"{path} is not a table that cvkit reads; tables end in {', '.join(ENDINGS)}")
    try:
        if ending == ".parquet":
            raw = _parquet(path)
        else:
            raw = [*(_delimited(path, _DELIMITERS[ending]) if ending in _DELIMITERS else _json_lines(path))]
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}") from error
    if not raw:
        raise DataError(f"{path} contains no rows")
    return raw


def as_text(row: dict[str, Any]) -> Row:
    """Return the values of a row as text; empty and missing values are empty text."""
    return {str(column): _text(value) for column, value in row.items()}


def _delimited(path: Path, delimiter: str) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets write a byte order mark
        reader = csv.reader(stream, delimiter=_delimiter_of(stream, delimiter), strict=True)
        columns: list[str] = []
        try:
            for row in filter(None, reader):
                if not columns:
                    columns = row
                    if len(set(columns)) < len(columns):
                        raise DataError(
                            f"{path}:{reader.line_num}: two columns have the same name: {', '.join(columns)}"
                        )
                    continue
                if len(row) != len(columns):
                    raise DataError(
                        f"{path}:{reader.line_num}: the number of values is {len(row)}, but that of the columns in "
                        f"the header is {len(columns)}: {listed(columns)}. Correct the row or the header"
                    )
                yield dict(zip(columns, row, strict=True))
        except csv.Error as error:
            quote = "a quotation mark is opened and not closed" if "unexpected end of data" in str(error) else error
            raise DataError(f"{path}:{reader.line_num}: {quote}") from error


def _delimiter_of(stream: TextIO, usual: str) -> str:
    """Return what separates the columns: the usual sign, or a semicolon or a tab if the header has only that."""
    header = next((line for line in stream if line.strip()), "")
    stream.seek(0)
    return next((sign for sign in (usual, ";", "\t") if sign in header), usual)


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}:{number}: is not JSON: {error}") from error
            if not isinstance(row, dict):
                raise DataError(f"{path}:{number}: expected an object with a value for each column")
            yield row


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise DataError(f"reading {path} requires pyarrow: pip install 'cvkit-core[tables]'") from None
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except ArrowException as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error
    return rows


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(int(value) if isinstance(value, float) and value.is_integer() else value).strip()
