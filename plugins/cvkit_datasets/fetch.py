"""Fetching an image set into the data folder: whole and verified, or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from cvkit import DataError

from . import canonical
from .canonical import Digests, ImageSet, Opened
from .progress import stage


@dataclass(frozen=True)
class DownloadSource:
    """Somewhere an image set may be had: a `name` for the user, and how to `read` it.

    ``read(root, temporary)`` is given the data folder and a folder of its own for downloads, which is deleted
    afterwards; it raises `DataError` where the set cannot be had there.
    """

    name: str
    read: Callable[[Path, Path], ImageSet]


@dataclass(frozen=True)
class Fetchable:
    """An image set that can be fetched: its `name`, its `sources` in order, the `digests` it must have if known."""

    name: str
    sources: Sequence[DownloadSource]
    digests: Digests = field(default_factory=dict)

    def path(self, root: Path) -> Path:
        """Return where the canonical file lies in the data folder `root`."""
        return root / f"{self.name}.safetensors"

    def is_in(self, root: Path) -> bool:
        """Whether the canonical file is in `root`, so that `open` writes nothing there."""
        return self.path(root).exists()

    def open(self, root: Path) -> Opened:
        """Return the content of the canonical file, fetched first if there is none.

        Raises `DataError` where it cannot be fetched, or where the file that is there is damaged.
        """
        path = self.path(root)
        if not self.is_in(root):
            self.fetch(root)
        try:
            return canonical.read(path, self.digests)
        except DataError as error:
            raise DataError(
                f"{path} is damaged: {error}\n  `cvkit data fetch {self.name}` replaces it (with the same --data)."
            ) from error

    def fetch(self, root: Path, *, force: bool = False) -> Path:
        """Put the canonical file in `root` and return its path; a sound one is kept unless `force`.

        One process fetches at a time; others wait, then find the file. What a killed one left is cleared away.
        Raises `DataError` with what each source said where none gives the set; nothing is left behind then.
        """
        path = self.path(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            with self._alone(root):
                if force or not self._is_sound(path):
                    self._replace(path)
        except OSError as error:
            raise DataError(f"{root}: {self.name} cannot be put there: {error}") from error
        return path

    def _replace(self, path: Path) -> None:
        prefix = f".tmp-{self.name}-"
        for leftover in path.parent.glob(f"{prefix}*"):
            shutil.rmtree(leftover)
        with TemporaryDirectory(prefix=prefix, dir=path.parent) as folder:
            images, digests, source = self._first(path.parent, Path(folder))
            whole = Path(folder) / path.name
            with stage(f"Writing {path}"):
                canonical.write(whole, images, digests, source)
            os.replace(whole, path)

    def _first(self, root: Path, folder: Path) -> tuple[ImageSet, Digests, str]:
        """Return the set from the first source that gives it as it should be, its digests and the source's name."""
        reasons = []
        for number, source in enumerate(self.sources):
            temporary = folder / str(number)
            temporary.mkdir()
            try:
                images = source.read(root, temporary)
                return images, images.check(self.digests), source.name
            except DataError as error:
                reasons.append(f"\n  {source.name}: {error}")
            finally:
                shutil.rmtree(temporary)
        raise DataError(f"{self.name} could not be had from anywhere:{''.join(reasons)}")

    def _is_sound(self, path: Path) -> bool:
        try:
            canonical.read(path, self.digests)
        except DataError:
            return False
        return True

    @contextmanager
    def _alone(self, root: Path) -> Iterator[None]:
        """Hold the lock on fetching this set into `root`; a killed process's lock is free."""
        lock = FileLock(root / f".{self.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            with stage(f"Waiting for another process to fetch {self.name}"):
                lock.acquire()
        try:
            yield
        finally:
            lock.release()
