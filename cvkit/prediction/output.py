"""The file that predictions are written to, batch by batch, and how an interrupted one is continued."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..errors import FolderError, did_you_mean
from ..files.growing_file import GrowingFile
from ..files.safe_io import read_file, remove, write_file
from ..files.strict_json import read_json
from ..files.writing_lock import writing_lock
from ..printable import readable_name
from .columns import Cell, Columns
from .image_paths import Listed
from .parquet_format import parquet_output
from .text_formats import TEXT_FORMATS, TextFormat

ENDINGS = (*TEXT_FORMATS, ".parquet")
_NOTE_SIZE = 1 << 24  # bytes; it names the columns, of which there is one for each class


class Output(Protocol):
    """Takes rows of predictions."""

    def write(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Write the rows of a batch."""
        ...


@dataclass(frozen=True)
class Earlier:
    """What an interrupted command has written: the number of rows, how many have an error, and their bytes."""

    rows: int = 0
    failed: int = 0
    size: int = 0


@dataclass(frozen=True)
class PredictionsFile:
    """The file at `path`; its ending decides about the format.

    While the file grows, a note is beside it: ``predictions.csv.unfinished``. It contains the digest of the model and
    the columns, so that only the same command continues the file, and it is removed at the end.
    """

    path: Path
    columns: Columns
    model: str

    @property
    def note(self) -> Path:
        """The path of the note."""
        return self.path.with_name(f"{self.path.name}.unfinished")

    @property
    def _format(self) -> TextFormat | None:
        return TEXT_FORMATS.get(self.path.suffix.lower())

    @property
    def _expected(self) -> dict[str, Any]:
        return {"model": self.model, "columns": [*self.columns.types]}

    @property
    def way_on(self) -> str:
        """How to continue the file after an interruption, for the end of a sentence; empty if that is impossible."""
        return "" if self._format is None else "; add --resume to the same command to continue it"

    @contextmanager
    def locked(self) -> Iterator[str]:
        """Let no other command write the file in the block; yield a warning if the file system has no locks, else "".

        A Parquet file needs no lock, because it is put in its place at the end. Raises `FolderError` if another
        command is writing the file.
        """
        if self._format is None:
            yield ""
            return
        unlocked: list[str] = []
        with writing_lock(self.path, unlocked=unlocked):
            yield "".join(unlocked)

    def earlier(self, paths: Iterator[Listed]) -> Earlier:
        """Return what an interrupted command has written, and take the files of these rows from `paths`.

        Call it within `locked`. Raises `FolderError` if the file is complete, or if another model, other columns or
        other files were used.
        """
        how = self._format
        if how is None:
            raise FolderError(
                f"'{self.path}' cannot be resumed, because a Parquet file cannot grow; use .csv or .jsonl"
            )
        if not os.path.lexists(self.path):
            return Earlier()
        try:
            note = read_json(read_file(self.note, _NOTE_SIZE))
        except FileNotFoundError:
            raise FolderError(
                f"'{self.path}' is complete, or cvkit did not write it: there is no '{self.note}', so there is "
                "nothing to resume"
            ) from None
        except (OSError, ValueError) as error:
            raise FolderError(f"could not read '{self.note}': {error}; choose another --output") from error
        if note != self._expected:
            what = "by another model" if note.get("columns") == self._expected["columns"] else "with other columns"
            raise FolderError(f"'{self.path}' was written {what}; use the same command, or choose another --output")
        rows = failed = size = 0
        try:
            with self.path.open("rb") as stream:
                for row in how.done(stream, self.columns):
                    self._require_same(rows + 1, row.file, next(paths, None), how)
                    rows, failed, size = rows + 1, failed + (not row.predicted), row.end
        except (OSError, ValueError) as error:
            if os.path.getsize(self.path) < len(how.header(self.columns)):  # killed while it wrote the header
                return Earlier()
            raise FolderError(f"cannot resume '{self.path}': {error}; choose another --output") from error
        return Earlier(rows, failed, size)

    def _require_same(self, number: int, done: str, path: Listed | None, how: TextFormat) -> None:
        if path is None:
            raise FolderError(
                f"'{self.path}' has more rows than there are images now; use the same images, or choose "
                "another --output"
            )
        if done != how.written(readable_name(str(path))):
            raise FolderError(
                f"row {number:,} of '{self.path}' is '{done}', but image {number:,} is '{path}' now; use the same "
                "images, or choose another --output"
            )

    @contextmanager
    def opened(self, earlier: Earlier | None = None) -> Iterator[Output]:
        """Yield the output; rows follow those of `earlier` if it is given.

        The file is valid at every time; after an error it contains the rows so far. Raises `FolderError` if there is
        something at the path that is not continued, or if it cannot be written.
        """
        with ExitStack() as stack:
            with self._writing():
                output = stack.enter_context(self._begun(earlier))
            yield output
            with self._writing():
                stack.close()
        remove(self.note)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except FileExistsError as error:
            raise FolderError(_exists(self.path)) from error
        except OSError as error:
            raise FolderError(f"could not write '{self.path}': {error.strerror or error}") from error

    @contextmanager
    def _begun(self, earlier: Earlier | None) -> Iterator[Output]:
        how = self._format
        if how is None:
            with parquet_output(self.path, self.columns) as output:
                yield output
        elif earlier is not None and earlier.size:
            with GrowingFile.continued(self.path, earlier.size) as file:
                yield _Text(file, how, self.columns)
        else:
            if earlier is not None:
                remove(self.path)  # it contains no complete row
            with GrowingFile.created(self.path) as file:
                try:
                    write_file(self.note, json.dumps(self._expected).encode())
                    file.append(how.header(self.columns))
                except BaseException:
                    remove(self.path)  # there is nothing to continue
                    remove(self.note)
                    raise
                yield _Text(file, how, self.columns)


@dataclass(frozen=True)
class _Text:
    """Appends the rows of a batch to a file of text."""

    file: GrowingFile
    how: TextFormat
    columns: Columns

    def write(self, rows: Sequence[Sequence[Cell]]) -> None:
        try:
            self.file.append(self.how.lines(self.columns, rows))
        except OSError as error:
            raise FolderError(
                f"could not write '{self.file.path}': {error.strerror}; the rows so far are kept, and --resume "
                "continues after them"
            ) from error


def require_writable(path: Path, resume: bool) -> None:
    """Raise `FolderError` unless a file of predictions can be created at `path`, or continued with `resume`."""
    if path.suffix.lower() not in ENDINGS:
        hint = did_you_mean(path.suffix, ENDINGS)
        raise FolderError(
            f"'{path}' needs an ending that names the format: {', '.join(ENDINGS)}{hint and f'. {hint}'}"
        )
    if not path.parent.is_dir():
        raise FolderError(f"'{path.parent}' is not a folder; create it, or choose another --output")
    if os.path.lexists(path) and not resume:
        raise FolderError(_exists(path))


def _exists(path: Path) -> str:
    resume = "" if path.suffix.lower() == ".parquet" else "add --resume to continue it, or "
    return f"'{path}' exists; {resume}choose another --output"
