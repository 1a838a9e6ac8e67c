"""Predictions as a Parquet file, which is written through row groups and then put in its place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import DataError, FolderError
from ..files.safe_io import remove, temporary_beside
from .columns import Cell, Columns

_ROWS = 10_000  # of a row group, which is held in memory


def require_pyarrow(path: Path) -> None:
    """Raise `DataError` if pyarrow, which writes Parquet files, is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401  # only whether it is installed
    except ImportError:
        raise DataError(f"writing '{path}' requires pyarrow: pip install 'cvkit-core[tables]'") from None


class ParquetOutput:
    """Collects rows and writes them as row groups."""

    def __init__(self, path: Path, writer: Any, schema: Any) -> None:
        self._path, self._writer, self._schema = path, writer, schema
        self._waiting: list[Sequence[Cell]] = []
        self.rows = 0
        self.damaged = False

    def write(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Take the rows of a batch."""
        self._waiting += rows
        self.rows += len(rows)
        if len(self._waiting) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are waiting."""
        import pyarrow

        if self._waiting:
            cells = zip(*self._waiting, strict=True)
            columns = [pyarrow.array(each, kind) for each, kind in zip(cells, self._schema.types, strict=True)]
            with self._writing():
                self._writer.write_table(pyarrow.Table.from_arrays(columns, schema=self._schema))
            self._waiting = []

    def finish(self) -> bool:
        """Write the rows that are waiting and the end of the file; return False if an earlier write failed."""
        if self.damaged:
            return False
        self.flush()
        with self._writing():
            self._writer.close()
        return True

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.damaged = True
            self._writer.is_open = False  # pyarrow would write the end of the file when it deletes the writer
            raise FolderError(
                f"could not write '{self._path}': {error.strerror or error}; no file was written. Free some space, "
                "or use a .csv or .jsonl file, which contains the rows so far and can be continued"
            ) from error


@contextmanager
def parquet_output(path: Path, columns: Columns) -> Iterator[ParquetOutput]:
    """Yield the output. At the end, also after an error, the file at `path` is complete and has the rows so far.

    A killed process leaves no file at `path`. Raises `FolderError` if there is something at `path` at the end, or if
    the file cannot be written; then there is no file at `path`.
    """
    import pyarrow
    from pyarrow import parquet

    kinds = {str: pyarrow.string(), bool: pyarrow.bool_(), float: pyarrow.float32()}
    kinds |= {list[str]: pyarrow.list_(pyarrow.string()), list[float]: pyarrow.list_(pyarrow.float32())}
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.types.items()])
    temporary = temporary_beside(path)
    try:
        output = ParquetOutput(path, parquet.ParquetWriter(temporary, schema), schema)
        try:
            yield output
        except BaseException:
            if output.finish() and output.rows:
                _put(temporary, path)
            raise
        if output.finish():
            _put(temporary, path)
    finally:
        remove(temporary)


def _put(temporary: Path, path: Path) -> None:
    if os.path.lexists(path):
        raise FolderError(f"'{path}' was created by another program meanwhile; choose another --output")
    os.replace(temporary, path)
