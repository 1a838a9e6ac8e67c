"""Read the rows of a table: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cvkit import DataError

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}

Row = dict[str, str]


def rows_of(path: Path) -> list[Row]:
    """Return the rows of a table as text by column; empty and missing values are empty text.

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
    return [{str(column): _text(value) for column, value in row.items()} for row in raw]


def _delimited(path: Path, delimiter: str) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets write a byte order mark
        reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
        try:
            columns = reader.fieldnames or []
            if len(set(columns)) < len(columns):
                raise DataError(f"{path}:1: two columns have the same name: {', '.join(columns)}")
            for row in reader:
                if None in row or None in row.values():
                    raise DataError(f"{path}:{reader.line_num}: the row does not have {len(columns)} values")
                yield row
        except csv.Error as error:
            raise DataError(f"{path}:{reader.line_num}: {error}") from error


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
