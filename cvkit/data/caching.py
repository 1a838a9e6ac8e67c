"""`train.cache`: each image is decoded once, and kept in memory or on the disk."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import PIL
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..errors import CvkitError, DataError, FolderError, MachineError
from ..files.output_folder import OutputFolder
from ..formatting import counted
from ..phases import phase
from ..resource_errors import reporting_shortages
from .free_memory import free_memory
from .image_store import INDEX, PIXELS, ImageStore, StoreInMemory, StoreOnDisk, StoreWriter, unreadable
from .reduction import Needed, Photo, read_photo
from .splits import Split
from .worker_errors import error_of
from .workers import WorkerPool

DECODED_BY = [PIL.__version__, torch.__version__]
"""The versions of the libraries that decode and resize images."""
_KEEPING = "keeping decoded images"
_LOOK_AFTER = 16  # images, after which the space for all is estimated
_LOOK_EVERY = 256


@dataclass(frozen=True)
class CachePlan:
    """Where decoded images are kept.

    Attributes:
        folder: The folder that contains a folder for each cache; None to keep images in memory.
        key: What decides the pixels, as JSON values. A cache with another key is not used.
    """

    folder: Path | None = None
    key: dict[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Path | None:
        """The folder of the cache; None in memory."""
        text = json.dumps(self.key, sort_keys=True)
        return self.folder and self.folder / hashlib.sha256(text.encode()).hexdigest()[:16]


class CachedSplit:
    """A split whose images are decoded once, and then read from memory or from the disk.

    `needed` says how far photos are reduced when they are decoded; None keeps the images as `split` returns them.
    """

    def __init__(self, split: Split, needed: Needed | None, plan: CachePlan) -> None:
        self.split, self.needed, self.plan = split, needed, plan
        self.bytes = self._done = 0
        self._store: ImageStore | None = None

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int, /) -> tuple[Tensor, Any]:
        photo = self._photo(index)
        return photo.image, photo.label

    def reduced(self, index: int, needed: Needed, /) -> tuple[Tensor, Any]:
        """Return an image, reduced as it was when it was decoded, and its label."""
        photo = self._photo(index)
        needed(*photo.size)
        return photo.image, photo.label

    def _photo(self, index: int) -> Photo:
        return read_photo(self.split, index, self.needed) if self._store is None else self._store[index]

    def filled(self) -> bool:
        """Return whether all images are kept, by this run or by an earlier one on the disk."""
        if self._store is None and self.plan.place is not None:
            store = StoreOnDisk.opened(self.plan.place, self._key, len(self))
            if store is not None:
                self._store, self.bytes = store, store.bytes
        return self._store is not None

    def fill(self, workers: int) -> None:
        """Decode all images with `workers` processes, unless they are there. Call it before workers use the split.

        Raises `MachineError` if the images do not fit, and `DataError` if they cannot be written or read again.
        """
        if self.filled():
            return
        place = self.plan.place
        if place is None:
            store = StoreInMemory()
            for photo in self._decoded(workers):
                self._add(store, photo)
            self._store = store
            return
        with _written(place) as writer:
            for photo in self._decoded(workers):
                self._add(writer, photo)
            writer.finish(self._key)
        if not self.filled():
            raise DataError(unreadable(place))

    @property
    def _key(self) -> dict[str, Any]:
        key: dict[str, Any] = json.loads(json.dumps(self.plan.key))
        return key

    def _add(self, store: StoreInMemory | StoreWriter, photo: Photo) -> None:
        self._done += 1
        self.bytes += store.add(photo)
        if self._done == _LOOK_AFTER or self._done % _LOOK_EVERY == 0:
            self._require_room()

    def _decoded(self, workers: int) -> Iterator[Photo]:
        self._done = self.bytes = 0
        pool = WorkerPool(_Photos(self.split, self.needed), workers, _same, pin_memory=False)
        with phase("decoding", len(self)) as decoding, closing(pool.load(range(len(self)))) as photos:
            for photo in photos:
                decoding.advance()
                if isinstance(photo, CvkitError):
                    raise photo
                yield photo
        pool.close()

    def _require_room(self) -> None:
        """Raise `MachineError` if the images that are missing probably need more space than there is."""
        whole = self.bytes / self._done * len(self)
        folder = self.plan.folder
        free = free_memory() if folder is None else shutil.disk_usage(_existing(folder)).free
        if free is None or whole - self.bytes < free:
            return
        where, other = ("the memory", "disk") if folder is None else (f"the disk of '{folder}'", "memory")
        raise MachineError(
            f"{counted(len(self), 'decoded image')} need about {gigabytes(whole)}, but {where} has only "
            f"{gigabytes(free)} left; remove train.cache, or use train.cache: {other}, or decode: draft for "
            "large JPEG photos"
        )

    def line(self, name: str) -> str:
        """Return what the filled cache of the split `name` holds, as a sentence."""
        where = "in memory" if self.plan.place is None else f"in '{self.plan.place}'; remove it to free the space"
        return f"train.cache: {counted(len(self), f'decoded {name} image')}, {gigabytes(self.bytes)}, {where}"


class _Photos(Dataset[Photo]):
    """The photos of a split, for worker processes; an error is returned, as by all that they run."""

    def __init__(self, split: Split, needed: Needed | None) -> None:
        self._split, self._needed = split, needed

    def __len__(self) -> int:
        return len(self._split)

    def __getitems__(self, index: int) -> Photo | CvkitError:
        """Return the photo at `index`."""
        try:
            return read_photo(self._split, index, self._needed)
        except Exception as error:
            return error_of(error)


def _same(photo: Any) -> Any:
    return photo


@contextmanager
def _written(place: Path) -> Iterator[StoreWriter]:
    """Yield a writer; its files replace the folder `place` at the end, or nothing is left."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(_not_written(place, error.strerror or str(error))) from error
    folder = OutputFolder(place, "train.cache: disk", frozenset((PIXELS, INDEX)))
    with reporting_shortages(_KEEPING):
        try:
            with folder.replace_atomically() as making, (making / PIXELS).open("wb") as pixels:
                yield StoreWriter(making, pixels)
        except FolderError as error:  # its advice is for a command with --output
            reason = getattr(error.__cause__, "strerror", None) or str(error)
            raise DataError(_not_written(place, reason)) from error


def _not_written(place: Path, reason: str) -> str:
    return f"could not write '{place.parent}': {reason}; give another data folder, or use train.cache: memory"


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def gigabytes(size: float) -> str:
    """Return a number of bytes in words."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
