"""Decoded images one after another, in memory or in a file, which worker processes share."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import DataError
from .reduction import Photo

PIXELS, INDEX = "pixels.bin", "index.json"
"""The files of a folder with decoded images."""
_CHUNK = 64 << 20  # bytes; each chunk needs a file descriptor where processes are not forked
_COLUMNS = 7  # start, height, width, channels, height and width in the file, checksum


def unreadable(folder: Path) -> str:
    """Return what to say if the files of decoded images in `folder` are gone."""
    return (
        f"the decoded images in '{folder}' could not be read; another program removed or replaced them. Start again: "
        "the images are decoded again"
    )


class _Labels:
    """Labels in little memory: a class as it is, a set of labels as the positions of its ones.

    So a set that another process decoded keeps no shared memory, which needs a file descriptor.
    """

    def __init__(self, kept: Sequence[int | Sequence[int]] = (), classes: int | None = None) -> None:
        self.kept, self.classes = [*kept], classes

    def add(self, label: Any) -> None:
        """Keep a label."""
        if isinstance(label, Tensor) and label.ndim:
            self.classes = len(label)
            label = label.nonzero().flatten().tolist()
        self.kept.append(label if isinstance(label, list) else int(label))

    def __getitem__(self, index: int) -> Any:
        label = self.kept[index]
        if self.classes is None:
            return label
        row = torch.zeros(self.classes)
        row[label] = 1
        return row


class ImageStore(Protocol):
    """Decoded images by index."""

    def __getitem__(self, index: int, /) -> Photo: ...


class StoreInMemory:
    """Images in chunks of memory. Forked processes share them; others share them when they are sent."""

    def __init__(self) -> None:
        self._chunks: list[Tensor] = []
        self._used = _CHUNK
        self._places: list[tuple[int, int, tuple[int, ...], tuple[int, int]]] = []
        self._labels = _Labels()

    def add(self, photo: Photo) -> int:
        """Keep an image; return its size in bytes."""
        pixels = photo.image.permute(1, 2, 0)
        count = pixels.numel()
        if not self._chunks or self._used + count > len(self._chunks[-1]):
            self._chunks.append(torch.empty(max(_CHUNK, count), dtype=torch.uint8))
            self._used = 0
        self._chunks[-1][self._used : self._used + count].copy_(pixels.flatten())
        self._places.append((len(self._chunks) - 1, self._used, tuple(pixels.shape), photo.size))
        self._labels.add(photo.label)
        self._used += count
        return count

    def __getitem__(self, index: int, /) -> Photo:
        chunk, start, shape, size = self._places[index]
        pixels = self._chunks[chunk][start : start + shape[0] * shape[1] * shape[2]]
        return Photo(pixels.view(shape).permute(2, 0, 1), self._labels[index], size)


class StoreWriter:
    """Writes the files of a `StoreOnDisk`."""

    def __init__(self, folder: Path, pixels: BinaryIO) -> None:
        self._folder, self._pixels = folder, pixels
        self._rows: list[list[int]] = []
        self._labels = _Labels()
        self._end = 0

    def add(self, photo: Photo) -> int:
        """Write an image; return its size in bytes."""
        pixels = photo.image.permute(1, 2, 0).contiguous()
        content = pixels.numpy().tobytes()
        self._pixels.write(content)
        self._rows.append([self._end, *pixels.shape, *photo.size, zlib.crc32(content)])
        self._labels.add(photo.label)
        self._end += len(content)
        return len(content)

    def finish(self, key: dict[str, Any]) -> None:
        """Write the index, which makes the folder complete."""
        self._pixels.flush()
        labels = {"labels": self._labels.kept, "classes": self._labels.classes}
        content = json.dumps({"key": key, "bytes": self._end, "images": self._rows, **labels})
        (self._folder / INDEX).write_text(content, encoding="utf-8")


class StoreOnDisk:
    """Images in a file, which the system keeps in its cache as far as the memory allows."""

    def __init__(self, folder: Path, images: Any, labels: _Labels) -> None:
        self._folder, self._labels = folder, labels
        self._images: np.ndarray[Any, Any] = np.asarray(images, dtype=np.int64)
        # Forked workers inherit the open file, so removing the folder during a run does not disturb them.
        self._pixels: np.memmap[Any, Any] | None = np.memmap(folder / PIXELS, dtype=np.uint8, mode="r")
        self.bytes = len(self._pixels)

    @classmethod
    def opened(cls, folder: Path, key: dict[str, Any], count: int) -> StoreOnDisk | None:
        """Return the store in `folder`, or None if there is none, or one that is incomplete or of other images."""
        try:
            found = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            labels = _Labels(found["labels"], found["classes"])
            store = cls(folder, found["images"], labels)
            complete = store._images.shape == (count, _COLUMNS) and len(labels.kept) == count and found["key"] == key
            return store if complete and store.bytes == found["bytes"] else None
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pixels": None}

    def __getitem__(self, index: int, /) -> Photo:
        if self._pixels is None:
            try:
                self._pixels = np.memmap(self._folder / PIXELS, dtype=np.uint8, mode="r")
            except (OSError, ValueError) as error:
                raise DataError(unreadable(self._folder)) from error
        start, *shape, height, width, checksum = self._images[index].tolist()
        pixels = np.array(self._pixels[start : start + shape[0] * shape[1] * shape[2]])
        if zlib.crc32(pixels.data) != checksum:
            raise DataError(
                f"the decoded image {index} in '{self._folder}' is damaged; remove this folder, and start again: the "
                "images are decoded again"
            )
        return Photo(torch.from_numpy(pixels.reshape(shape)).permute(2, 0, 1), self._labels[index], (height, width))
