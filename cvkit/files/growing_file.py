"""`GrowingFile`: a file that a command appends to for a long time, and that a later command can continue."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .safe_io import SAFELY, require_own_file


class GrowingFile:
    """A regular file that contains complete pieces only: a piece that could not be written is cut off.

    Links are not followed, and a file with a second name is not changed.
    """

    def __init__(self, path: Path, descriptor: int, size: int) -> None:
        self.path, self._descriptor, self._size = path, descriptor, size

    @classmethod
    @contextmanager
    def created(cls, path: Path) -> Iterator[GrowingFile]:
        """Create the file; raise `FileExistsError` if there is something at `path`, and `OSError` otherwise."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, 0o666)
        with cls._open(path, descriptor, 0) as file:
            yield file

    @classmethod
    @contextmanager
    def continued(cls, path: Path, size: int) -> Iterator[GrowingFile]:
        """Continue an existing file after its first `size` bytes; the rest is cut off. Raises `OSError`."""
        require_own_file(path)
        descriptor = os.open(path, os.O_WRONLY | SAFELY)
        with cls._open(path, descriptor, size) as file:
            file._cut()
            yield file

    @classmethod
    @contextmanager
    def _open(cls, path: Path, descriptor: int, size: int) -> Iterator[GrowingFile]:
        file = cls(path, descriptor, size)
        try:
            try:
                yield file
            finally:
                file._cut()  # an interrupt may have come in the middle of a piece
                os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def append(self, content: bytes) -> None:
        """Append a piece; raise `OSError` if it cannot be written."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._size += len(content)

    def _cut(self) -> None:
        os.ftruncate(self._descriptor, self._size)
        os.lseek(self._descriptor, self._size, os.SEEK_SET)
