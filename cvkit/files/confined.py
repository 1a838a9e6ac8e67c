"""`ConfinedFolder`: the files of one folder, by names that lead neither up nor through links out of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import RunError
from .safe_io import append_file, make_folder, read_file, write_file

LARGEST = 1 << 26
"""Bytes that are read of a file for which no other limit is given, such as a figure."""


class ConfinedFolder:
    """The files below the folder at `path`, which is there already and may come from a stranger."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def read(self, name: str, limit: int = LARGEST) -> bytes:
        """Return what a file of the folder holds; raise `RunError` where it cannot be read.

        `name` may lead through folders, as in ``figures/curves.png``. Links are not followed. `limit`: bytes, of
        which no more are read.
        """
        path = self.path / name
        try:
            return read_file(path, limit, below=self.path)
        except OSError as error:
            raise RunError(f"'{path}' cannot be read: {error.strerror}") from error

    def write(self, name: str, content: bytes, *, durable: bool = True) -> None:
        """Put a file of the folder in place whole: a reader sees the old one or the new one.

        Folders on the way to `name` are made, but the run's own is not. `durable`: wait until the disk has the file.
        Raises `RunError` where it cannot be written, or a link is on the way.
        """
        self._written(name, lambda path: write_file(path, content, below=self.path, durable=durable))

    def append_to(self, name: str, content: bytes) -> None:
        """Add to the end of a file of the folder, made where there is none; raise `RunError` as `write` does."""
        self._written(name, lambda path: append_file(path, content, below=self.path))

    def _written(self, name: str, write: Callable[[Path], None]) -> None:
        path = self.path / name
        try:
            if path.parent != self.path:
                make_folder(path.parent, below=self.path)
            write(path)
        except OSError as error:
            raise RunError(f"'{path}' cannot be written: {error.strerror}") from error
