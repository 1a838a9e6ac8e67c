"""Splits that contain an image several times on purpose: what counts images, counts each of them once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from .loading import materialize
from .splits import Split, Splits, TensorSplit


@dataclass(frozen=True)
class Once:
    """The images of a split at `places`."""

    split: Split
    places: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int, /) -> tuple[Tensor, Any]:
        return self.split[self.places[index]]

    @property
    def names(self) -> tuple[str, ...] | None:
        """The names of the images, if the split has them."""
        return self._of("names")

    @property
    def labels(self) -> tuple[Any, ...] | None:
        """The labels of the images, if the split has them without reading the images."""
        return self._of("labels")

    @property
    def files(self) -> tuple[Path, ...] | None:
        """The files of the images, if the split has them."""
        return self._of("files")

    @property
    def digests(self) -> tuple[str, ...] | None:
        """The digests of the images' files, if the split has them without reading the images."""
        return self._of("digests")

    @property
    def weights(self) -> tuple[float, ...] | None:
        """The weights of the images, if the split has them."""
        return self._of("weights")

    def _of(self, attribute: str) -> tuple[Any, ...] | None:
        values = getattr(self.split, attribute, None)
        return None if values is None else tuple(values[place] for place in self.places)


def without_repetitions(splits: Splits) -> Splits:
    """Return the splits with each training image once."""
    return replace(splits, train=once(splits.train))


def once(split: Split) -> Split:
    """Return a split with each image once, at its first place; `split` itself if it repeats none."""
    originals = getattr(split, "originals", None)
    if originals is None:
        return split
    first: dict[int, int] = {}
    for place, original in enumerate(originals):
        first.setdefault(original, place)
    places = tuple(first.values())
    return materialize(split, places) if isinstance(split, TensorSplit) else Once(split, places)
