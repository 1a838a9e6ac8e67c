"""Read ranges of tar shards: from a local folder, or from an object store with fsspec."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from cvkit import DataError, one_line

from ..finding import natural

HANDLES = 16
"""Files that a process keeps open. Opening one is cheap on a local disk, but a round trip on others."""


class ShardFiles(Protocol):
    """The place of the shards, and of their index."""

    def where(self, file: str = "") -> str:
        """Return the place of a file, for messages."""
        ...

    def size(self, file: str) -> int | None:
        """Return the size of a file in bytes; None if it does not exist."""
        ...

    def whole(self, file: str) -> bytes | None:
        """Return the content of a file; None if it does not exist."""
        ...

    def range(self, file: str, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset` on, or fewer at the end of the file."""
        ...


class _Handles:
    """The files that this process has open, the last used at the end; a file closes when nobody reads it any more."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._open: OrderedDict[Path, BinaryIO] = OrderedDict()
        self._lock = threading.Lock()

    def _own(self) -> None:
        """Begin again in a forked process: a thread of its parent may have held the lock."""
        if self._process != os.getpid():
            self._process, self._open, self._lock = os.getpid(), OrderedDict(), threading.Lock()

    def of(self, path: Path) -> BinaryIO:
        """Return a file, opened."""
        self._own()
        with self._lock:
            found = self._open.pop(path, None) or path.open("rb", buffering=0)
            self._open[path] = found
            if len(self._open) > HANDLES:
                self._open.popitem(last=False)
            return found

    def forget(self, folder: Path) -> None:
        """Close the files below a folder, which may have been replaced by others of the same names."""
        self._own()
        with self._lock:
            for path in [path for path in self._open if path.is_relative_to(folder)]:
                del self._open[path]

    def read(self, path: Path, offset: int, count: int) -> bytes:
        """Return bytes of a file."""
        file = self.of(path)
        if hasattr(os, "pread"):
            return os.pread(file.fileno(), count, offset)
        with self._lock:  # a file has one position, so two threads must not move it at once
            file.seek(offset)
            return file.read(count)


_HANDLES = _Handles()


@dataclass(frozen=True)
class LocalShards:
    """Shards in a folder."""

    folder: Path

    @classmethod
    def at(cls, folder: Path) -> LocalShards:
        """Return the shards of a folder as they are now, also if this process has read others there before."""
        _HANDLES.forget(folder)
        return cls(folder)

    def within(self, folder: str) -> LocalShards:
        """Return the files of a folder below."""
        return LocalShards(self.folder / folder)

    def entries(self) -> list[str]:
        """Return the names of files and folders, in natural order; hidden ones are left out."""
        try:
            names = [entry.name for entry in self.folder.iterdir() if not entry.name.startswith(".")]
        except OSError as error:
            raise DataError(f"could not read {self.folder}: {error.strerror}") from error
        return sorted(names, key=natural)

    def where(self, file: str = "") -> str:
        """Return the path of a file."""
        return str(self.folder / file)

    def size(self, file: str) -> int | None:
        """Return the size of a file."""
        try:
            return (self.folder / file).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"could not read {self.where(file)}: {error.strerror}") from error

    def whole(self, file: str) -> bytes | None:
        """Return the content of a file."""
        try:
            return (self.folder / file).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"could not read {self.where(file)}: {error.strerror}") from error

    def range(self, file: str, offset: int, count: int) -> bytes:
        """Return bytes of a file, which stays open."""
        try:
            return _HANDLES.read(self.folder / file, offset, count)
        except OSError as error:
            raise DataError(f"could not read {self.where(file)}: {error.strerror}") from error


@dataclass(frozen=True)
class RemoteShards:
    """Shards below a URL that fsspec reads."""

    url: str

    def within(self, folder: str) -> RemoteShards:
        """Return the files of a folder below."""
        return RemoteShards(self.where(folder))

    def entries(self) -> None:
        """Return None: many stores cannot list a folder."""

    def where(self, file: str = "") -> str:
        """Return the URL of a file."""
        return f"{self.url.rstrip('/')}/{file}" if file else self.url

    def size(self, file: str) -> int | None:
        """Return the size of a file."""
        found = self._call("info", file)
        if found is None:
            return None
        size = found.get("size")
        if not isinstance(size, int):
            raise DataError(
                f"{self.where(file)}: the server does not report the size of the file, so cvkit cannot check that "
                "the shard is complete. Copy the shards to a disk, or to a store that reports sizes"
            )
        return size

    def whole(self, file: str) -> bytes | None:
        """Return the content of a file."""
        content: bytes | None = self._call("cat_file", file)
        return content

    def range(self, file: str, offset: int, count: int) -> bytes:
        """Return bytes of a file with one request."""
        content: bytes | None = self._call("cat_file", file, start=offset, end=offset + count)
        if content is None:
            raise DataError(f"{self.where(file)} does not exist any more")
        if len(content) > count:
            raise DataError(
                f"{self.where(file)}: the server ignores the range of a request and sends the complete file. Images "
                "could then be read only in the order of the shards, so cvkit could keep neither the order of the "
                "training images nor an exact resume. Copy the shards to a disk, or to a store with range requests"
            )
        return content

    def _call(self, method: str, file: str, **options: Any) -> Any:
        """Return what a method of the file system returns; None if the file does not exist."""
        from fsspec.core import url_to_fs

        try:  # fsspec keeps one object for each process, and makes a new one after a fork
            system, path = url_to_fs(self.where(file))
            return getattr(system, method)(path, **options)
        except FileNotFoundError:
            return None
        except ImportError as error:  # names the package of the store, such as s3fs
            raise DataError(f"reading {self.url} requires another package: {one_line(error)}") from error
        except Exception as error:  # each store has errors of its own
            raise DataError(f"could not read {self.where(file)}: {one_line(error)}") from error
