"""`ConfinedFolder`: access to the files of one folder, without following paths or links out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ..errors import FolderError
from .safe_io import append_file, make_folder, read_file, write_file

LARGEST = 1 << 26
"""Default limit on the size of a file that is read, in bytes."""


class ConfinedFolder:
    """The files in an existing folder that may come from an untrusted source."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def read(self, name: str, limit: int = LARGEST) -> bytes:
        """Return the content of a file in the folder; raise `FolderError` if it cannot be read.

        `name` may contain folders, as in ``figures/curves.png``. Links are not followed. A file with more than
        `limit` bytes is an error.
        """
        path = self.path / name
        try:
            return read_file(path, limit, below=self.path)
        except OSError as error:
            raise FolderError(f"could not read '{path}': {error.strerror}") from error

    def write(self, name: str, content: bytes | Iterable[bytes], *, durable: bool = True) -> None:
        """Write a file in the folder atomically: a reader sees the old file or the new one.

        Creates the folders in `name`, but not this folder. With `durable`, waits until the file is on the disk.
        Raises `FolderError` if the file cannot be written or its path contains a link.
        """
        self._written(name, lambda path: write_file(path, content, below=self.path, durable=durable))

    def append_to(self, name: str, content: bytes) -> None:
        """Append to a file in the folder, or create it; raise `FolderError` in the same cases as `write`."""
        self._written(name, lambda path: append_file(path, content, below=self.path))

    def _written(self, name: str, write: Callable[[Path], None]) -> None:
        path = self.path / name
        try:
            if path.parent != self.path:
                make_folder(path.parent, below=self.path)
            write(path)
        except OSError as error:
            raise FolderError(f"could not write '{path}': {error.strerror}") from error
