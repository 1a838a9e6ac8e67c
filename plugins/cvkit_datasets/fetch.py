"""Download an image set to the data folder: complete and verified, or not at all."""

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
    """A source of an image set: its `name` for the user, and a function to `read` it.

    ``read(root, temporary)`` receives the data folder and a temporary folder for downloads, which is deleted
    afterwards. It raises `DataError` if this source does not provide the set.
    """

    name: str
    read: Callable[[Path, Path], ImageSet]


@dataclass(frozen=True)
class Fetchable:
    """An image set that can be downloaded: its `name`, its `sources` in order, and its `digests`, if known."""

    name: str
    sources: Sequence[DownloadSource]
    digests: Digests = field(default_factory=dict)

    def path(self, root: Path) -> Path:
        """Return the path of the canonical file in the data folder `root`."""
        return root / f"{self.name}.safetensors"

    def is_in(self, root: Path) -> bool:
        """Return whether the canonical file is in `root`, so that `open` does not write to it."""
        return self.path(root).exists()

    def open(self, root: Path) -> Opened:
        """Return the content of the canonical file, and download it first if it does not exist.

        Raises `DataError` if the set could not be downloaded, or if the existing file is damaged.
        """
        path = self.path(root)
        if not self.is_in(root):
            self.fetch(root)
        try:
            return canonical.read(path, self.digests)
        except DataError as error:
            raise DataError(
                f"{path} is damaged: {error}\n  `cvkit data fetch {self.name}` with the same --data replaces it."
            ) from error

    def fetch(self, root: Path, *, force: bool = False) -> Path:
        """Download the set to `root` and return the path of the canonical file.

        An intact file is kept unless `force` is true. Only one process downloads at a time; the others wait and then
        use the file. Temporary files of a killed process are removed. If no source provides the set, raise
        `DataError` with the error of each source, and leave no files behind.
        """
        path = self.path(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            with self._alone(root):
                if force or not self._is_sound(path):
                    self._replace(path)
        except OSError as error:
            raise DataError(f"could not store {self.name} in {root}: {error}") from error
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
        """Return the set from the first source with a valid copy, its digests and the name of the source."""
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
        raise DataError(f"could not get {self.name} from any source:{''.join(reasons)}")

    def _is_sound(self, path: Path) -> bool:
        try:
            canonical.read(path, self.digests)
        except DataError:
            return False
        return True

    @contextmanager
    def _alone(self, root: Path) -> Iterator[None]:
        """Hold the lock for downloading this set to `root`; the lock of a killed process is released."""
        lock = FileLock(root / f".{self.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            with stage(f"Waiting for another process to download {self.name}"):
                lock.acquire()
        try:
            yield
        finally:
            lock.release()
