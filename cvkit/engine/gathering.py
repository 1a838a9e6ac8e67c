"""Brings together what several processes have evaluated: each had every W-th batch of a split."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest

import torch
from torch import Tensor

from ..world.exchange import gather
from ..world.world import World


def of_all_processes(world: World, own: Sequence[Tensor], sizes: Sequence[int]) -> list[Tensor]:
    """Return the results (n, ...) of all batches in order, on the CPU, from those of this process.

    `sizes` has the n of each batch. Raises `RunError` if the processes do not have as many rows together.
    """
    of_ranks = [sizes[rank :: world.size] for rank in range(world.size)]
    world.agree()
    rows = torch.cat(tuple(own)) if own else torch.empty(0)
    found = gather(world, rows, [sum(counts) for counts in of_ranks])
    split = [each.split(list(counts)) if counts else () for each, counts in zip(found, of_ranks, strict=True)]
    return [batch for batch in chain.from_iterable(zip_longest(*split)) if batch is not None]
