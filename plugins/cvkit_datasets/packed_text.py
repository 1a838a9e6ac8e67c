"""`PackedText`: many short texts in one block of bytes, because a million Python strings take 80 MB and more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray


class PackedText(Sequence[str]):
    """Texts in UTF-8, one after the other; `ends` has the place after the last byte of each, int64 (N,)."""

    def __init__(self, content: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self.content, self.ends = content, ends

    @classmethod
    def of(cls, texts: Iterable[str]) -> PackedText:
        """Return texts, packed."""
        content, ends = bytearray(), []
        for text in texts:
            content += text.encode("utf-8", "backslashreplace")
            ends.append(len(content))
        return cls(np.frombuffer(bytes(content), np.uint8), np.array(ends, np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self._at(place) for place in range(*index.indices(len(self))))
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(index)
        return self._at(place)

    def __iter__(self) -> Iterator[str]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PackedText):
            return np.array_equal(self.content, other.content) and np.array_equal(self.ends, other.ends)
        return isinstance(other, tuple | list) and len(other) == len(self) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]  # as of any sequence that is compared with lists

    def _at(self, place: int) -> str:
        start = 0 if place == 0 else int(self.ends[place - 1])
        return self.content[start : int(self.ends[place])].tobytes().decode()
