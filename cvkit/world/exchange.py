"""Exchange tensors between the processes of a `World`; all of them call each function, after `World.agree`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from ..batch_division import Share
from ..errors import RunError
from .world import World

_AT_ONCE = 1 << 23  # elements that are combined together, 32 MB of float32


@torch.no_grad()
def copy_from_first(world: World, tensors: Sequence[Tensor]) -> None:
    """Replace the content of `tensors` by the content that they have in the first process."""
    for tensor in tensors:
        content = tensor.contiguous()
        with world.connected():
            dist.broadcast(content, 0)
        tensor.copy_(content)


def any_of(world: World, flags: Sequence[bool]) -> tuple[bool, ...]:
    """Return for each flag whether it is true in any process."""
    found = torch.tensor(flags, dtype=torch.uint8)
    with world.connected():
        dist.all_reduce(found, dist.ReduceOp.MAX)
    return tuple(map(bool, found.tolist()))


@torch.no_grad()
def combine(world: World, tensors: Sequence[Tensor], *, largest: bool = False) -> None:
    """Replace tensors by their sum over all processes, or by the largest elements. All get the same bits."""
    for bucket in _buckets(tensors):
        flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
        with world.connected():
            dist.all_reduce(flat, dist.ReduceOp.MAX if largest else dist.ReduceOp.SUM)
        pieces = flat.split([tensor.numel() for tensor in bucket])
        for tensor, piece in zip(bucket, pieces, strict=True):
            tensor.copy_(piece.view(tensor.shape))


def gather(world: World, rows: Tensor, counts: Sequence[int]) -> list[Tensor]:
    """Return the rows (n, ...) of every process, on the CPU; `counts` has the expected n of each.

    A process without rows gives a tensor of any shape whose n is 0. Raises `RunError` if a number is not expected.
    """
    rows = rows.detach().cpu()
    known: list[Any] = [None] * world.size
    with world.connected():
        dist.all_gather_object(known, (len(rows), rows.shape[1:], rows.dtype))
    if (made := [count for count, _, _ in known]) != [*counts]:
        raise RunError(f"the processes evaluated {made} images; expected {[*counts]}. Report this to cvkit's authors")
    _, shape, dtype = next(form for form in known if form[0])
    padded = torch.zeros((max(counts), *shape), dtype=dtype)
    if len(rows):
        padded[: len(rows)] = rows
    found = [torch.empty_like(padded) for _ in counts]
    with world.connected():
        dist.all_gather(found, padded)
    return [each[:count] for each, count in zip(found, counts, strict=True)]


def gather_rows(world: World, rows: Tensor, total: int) -> Tensor:
    """Return all `total` rows of a batch of which each process has its share, on the device of `rows`."""
    longest = Share(0, world.size).of(total)
    padded = rows.new_zeros((longest, *rows.shape[1:]))
    padded[: len(rows)] = rows
    found = [torch.empty_like(padded) for _ in range(world.size)]
    with world.connected():
        dist.all_gather(found, padded)
    return torch.stack(found, dim=1).flatten(0, 1)[:total]


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Yield the tensors in groups of one dtype and one device, of about `_AT_ONCE` elements."""
    for kind in dict.fromkeys((tensor.dtype, tensor.device) for tensor in tensors):
        bucket: list[Tensor] = []
        size = 0
        for tensor in tensors:
            if (tensor.dtype, tensor.device) == kind:
                bucket.append(tensor)
                size += tensor.numel()
                if size >= _AT_ONCE:
                    yield bucket
                    bucket, size = [], 0
        if bucket:
            yield bucket
