"""Load image files in batches with worker processes. A file that cannot be read does not cost the others."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..data.digests import file_digest
from ..data.reduction import Wanted, needed_for_framing
from ..data.resizing import frame
from ..data.splits import DataInfo
from ..data.worker_errors import error_of, is_of_one_image
from ..data.workers import WorkerPool
from ..errors import CvkitError, DataError, one_line
from ..explain.image_io import FileReader
from ..resource_errors import OPTIONS
from .image_paths import Listed, NoPath

_AT_ONCE = 256  # batches that are requested from the workers together; their paths are in memory
Item = TypeVar("Item")


@dataclass(frozen=True)
class LoadedFile:
    """A file that was loaded, or could not be.

    Attributes:
        path: The path as it was given; `NoPath` for a row of a list without one.
        digest: The SHA-256 of its bytes; empty if it cannot be read.
        error: Why it cannot be used; empty if it can.
    """

    path: Listed
    digest: str
    error: str = ""


@dataclass(frozen=True)
class LoadedBatch:
    """The files of a batch, and the images of those without an error, uint8 (B, C, H, W)."""

    files: tuple[LoadedFile, ...]
    images: Tensor


class FileBatches(Dataset[LoadedBatch]):
    """Batches of files, decoded and framed as the run's evaluation images are; errors are returned."""

    def __init__(self, reader: FileReader, info: DataInfo) -> None:
        self._reader, self._info = reader, info

    def __getitems__(self, paths: list[Listed]) -> LoadedBatch | CvkitError:
        """Return the batch of these files."""
        files, images = [], []
        for path in paths:
            if isinstance(path, NoPath):
                files.append(LoadedFile(path, "", path.error))
                continue
            digest = file_digest(path)
            try:
                images.append(framed_file(path, self._reader, self._info))
            except Exception as error:
                if not is_of_one_image(error):
                    return error_of(error, OPTIONS)
                reason = str(error) if isinstance(error, DataError) else f"{path}: {one_line(error)}"
                files.append(LoadedFile(path, digest, " ".join(reason.split())))
            else:
                files.append(LoadedFile(path, digest))
        size = (self._info.channels, self._info.height, self._info.width)
        return LoadedBatch(tuple(files), torch.stack(images) if images else torch.zeros(0, *size, dtype=torch.uint8))


def framed_file(path: Path, reader: FileReader, info: DataInfo) -> Tensor:
    """Return an image file in the input size, uint8 (C, H, W), with the pixels that an evaluation of it has."""
    needed = needed_for_framing(info)
    wanted = None if needed is None else Wanted(needed)
    image = reader.pixels(path, wanted)
    return frame(image, info, None if wanted is None else wanted.size)


def loaded_batches(
    paths: Iterable[Listed], reader: FileReader, info: DataInfo, batch_size: int, workers: int
) -> Generator[LoadedBatch, None, None]:
    """Yield the files in order, in batches of `batch_size`, loaded by `workers` processes.

    Only some of the paths are held in memory. Raises `MachineError` if the machine lacks something.
    """
    rest, pool = iter(paths), None
    try:
        while requests := [*islice(_chunks(rest, batch_size), _AT_ONCE)]:
            if pool is None:  # processes cost more than they save for a single batch
                number = workers if len(requests) > 1 else 0
                pool = WorkerPool(FileBatches(reader, info), number, _same, False, OPTIONS)
            with closing(pool.load(requests)) as batches:
                for batch in batches:
                    if isinstance(batch, CvkitError):
                        raise batch
                    yield batch
    finally:
        if pool is not None:
            pool.close()


def _chunks(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while chunk := [*islice(items, size)]:
        yield chunk


def _same(batch: Any) -> Any:
    return batch
