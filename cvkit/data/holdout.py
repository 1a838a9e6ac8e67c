"""Training images set apart: some to train on, the others to judge by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..seeding import permutation
from .loading import Batch, BatchSource, materialize, open_source
from .splits import Split


@dataclass(frozen=True)
class Subset:
    """The images of `source` at `indices`, int64 (N,), as a source of their own."""

    source: BatchSource
    indices: Tensor

    def __len__(self) -> int:
        return len(self.indices)

    def batches(self, order: Tensor, batch_size: int, seed: int = 0) -> Iterator[Batch]:
        """Yield the images that `order` names; each draws what it draws in the whole source."""
        return self.source.batches(self.indices[order], batch_size, seed)


def split_holdout(
    source: BatchSource, split: Split, device: torch.device, count: int, seed: int
) -> tuple[BatchSource, BatchSource | None]:
    """Return what of `source`, which is `split` on `device`, remains to train on, and `count` images held out of it.

    Which ones follows from `seed` alone. Those held out are read into memory, and are not augmented. Where `count`
    is 0, there are none, and the source stays as it is.
    """
    if not count:
        return source, None
    drawn = permutation(len(source), "held out", seed)
    kept, apart = drawn[count:].sort().values, drawn[:count].sort().values
    return Subset(source, kept), open_source(materialize(split, apart.tolist()), device, resident=True, workers=0)
