"""Many short texts or paths in one block of bytes, because a million Python strings take 80 MB and more."""

from __future__ import annotations

import os
from abc import abstractmethod
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

Item = TypeVar("Item")


class _Packed(Sequence[Item]):
    """Items as bytes, one after the other; `ends` has the place after the last byte of each, int64 (N,)."""

    def __init__(self, content: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self.content, self.ends = content, ends

    @classmethod
    def of(cls, items: Iterable[Item]) -> Self:
        """Return items, packed."""
        content, ends = bytearray(), array("q")
        for item in items:
            content += cls._encoded(item)
            ends.append(len(content))
        return cls(np.frombuffer(bytes(content), np.uint8), np.frombuffer(ends, np.int64))

    @staticmethod
    @abstractmethod
    def _encoded(item: Any) -> bytes: ...

    @staticmethod
    @abstractmethod
    def _decoded(content: bytes) -> Any: ...

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self._at(place) for place in range(*index.indices(len(self))))
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        return self._at(place)

    def __iter__(self) -> Iterator[Item]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _Packed):
            return np.array_equal(self.content, other.content) and np.array_equal(self.ends, other.ends)
        return isinstance(other, tuple | list) and len(other) == len(self) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]  # as of any sequence that is compared with lists

    def _at(self, place: int) -> Item:
        start = 0 if place == 0 else int(self.ends[place - 1])
        item: Item = self._decoded(self.content[start : int(self.ends[place])].tobytes())
        return item


class PackedText(_Packed[str]):
    """Texts in UTF-8."""

    @staticmethod
    def _encoded(item: str) -> bytes:
        return item.encode("utf-8", "backslashreplace")

    @staticmethod
    def _decoded(content: bytes) -> str:
        return content.decode()


class PackedPaths(_Packed[Path]):
    """Paths in the encoding of the file system, which may contain any bytes."""

    @staticmethod
    def _encoded(item: Path) -> bytes:
        return os.fsencode(item)

    @staticmethod
    def _decoded(content: bytes) -> Path:
        return Path(os.fsdecode(content))
