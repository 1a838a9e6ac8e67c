"""The part of a batch that this process has, for augmentations of batches. It does not need torch.

If several processes train together, each has every W-th image of a global batch of `train.batch_size` images. The
training loop sets the part for the whole process, like the progress of training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Share:
    """Every `size`-th element of a list, from `rank` on: what one of `size` processes works on.

    Attributes:
        rank: The number of the process, from 0.
        size: The number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def rows(self) -> slice:
        """The elements of this process."""
        return slice(self.rank, None, self.size)

    def of(self, total: int) -> int:
        """Return how many of `total` elements this process has, possibly 0."""
        return len(range(total)[self.rows])


WHOLE = Share()
"""The share of a process that works alone."""


@dataclass(frozen=True)
class GlobalBatch:
    """A batch of all processes together.

    Attributes:
        total: The number of its images, at least 1.
        rows: Which of them this process has, in order.
    """

    total: int
    rows: slice


@dataclass(frozen=True)
class Divided:
    """A global batch while its images are augmented by several processes.

    Attributes:
        batch: The batch and the rows of this process.
        gather: Returns a tensor of all rows (`total`, ...), given those of this process. All processes call it.
    """

    batch: GlobalBatch
    gather: Callable[[Tensor], Tensor]


class _Now:
    """What `divided` returns: None if this process works alone."""

    divided: Divided | None = None


def global_batch(count: int) -> GlobalBatch:
    """Return the batch whose images are augmented, for augmentations with ``draws_globally``.

    Such an augmentation gets `count` images of the batch. It draws random numbers for all `total` images and uses
    those of its own `rows`. So an image is augmented alike, however many processes train together.

    Args:
        count: The number of images that the augmentation got.

    Returns:
        The number of images of the batch, and which of them the augmentation got.

    Example:
        ``batch = global_batch(len(images))``, then ``angles = torch.rand(batch.total)[batch.rows]``
    """
    return GlobalBatch(count, slice(None)) if _Now.divided is None else _Now.divided.batch


def divided() -> Divided | None:
    """Return the division of the batch that is augmented now, or None if this process has all of its images."""
    return _Now.divided


@contextmanager
def during(current: Divided | None) -> Iterator[None]:
    """Let `divided` and `global_batch` use `current` within the block; None for a process with all images."""
    before, _Now.divided = _Now.divided, current
    try:
        yield
    finally:
        _Now.divided = before
