"""Split training images into images to train on and images to hold out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..seeding import permutation
from .loading import Batch, BatchSource, Reading, materialize, open_source
from .splits import Split


@dataclass(frozen=True)
class Subset:
    """The images of `source` at `indices`, int64 (N,), as a source."""

    source: BatchSource
    indices: Tensor

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self, reading: Reading) -> Iterator[Batch]:
        """Yield the batches of a reading. Random augmentations are the same as in the complete source."""
        return self.source.batches(self._of_source(reading))

    def prefetch(self, reading: Reading) -> None:
        """Let idle workers of the complete source load the first of these images."""
        self.source.prefetch(self._of_source(reading))

    def kept_open(self) -> AbstractContextManager[None]:
        """Keep the processes of the complete source."""
        return self.source.kept_open()

    def _of_source(self, reading: Reading) -> Reading:
        return replace(reading, order=self.indices[reading.order])


def split_holdout(
    source: BatchSource, split: Split, device: torch.device, count: int, seed: int
) -> tuple[BatchSource, BatchSource | None]:
    """Return the part of `source` to train on, and `count` images held out, or None if `count` is 0.

    `source` contains the images of `split` on `device`. The selection depends only on `seed`. The held-out images are
    read into memory and not augmented.
    """
    if not count:
        return source, None
    drawn = permutation(len(source), "held out", seed)
    rest, apart = drawn[count:].sort().values, drawn[:count].sort().values
    return Subset(source, rest), open_source(materialize(split, apart.tolist()), device, resident=True, workers=0)


def some_of(source: BatchSource, count: int, seed: int) -> BatchSource:
    """Return `count` images of `source`, or all if there are fewer. The selection depends only on `seed`."""
    if count >= len(source):
        return source
    return Subset(source, permutation(len(source), "validated", seed)[:count].sort().values)
