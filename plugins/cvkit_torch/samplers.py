"""Orders of the training images in an epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor

if TYPE_CHECKING:
    from cvkit import Labels


def shuffle(labels: Labels) -> Callable[[int], Tensor]:
    """Use every image once in an epoch, in random order.

    Args:
        labels: The labels of the training images; only their number is used.
    """
    return lambda seed: torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))


class Balanced:
    """Use the images of rare classes more often, in random order.

    An epoch has as many images as the training set. The number of images of a class in it is proportional to
    n ** (1 - power), where n is the number of its training images, and is the same in every epoch. The images of a
    class are used equally often, or some of them once more than the others; each epoch draws these again.

    Args:
        labels: The labels of the training images.
        power: 1: every class is used equally often; 0: as often as it occurs; 0.5: in proportion to the square root
            of its number of images.
    """

    def __init__(self, labels: Labels, *, power: Annotated[float, Field(ge=0, le=1)] = 1.0) -> None:
        self._labels = labels.values
        counts = torch.bincount(self._labels)
        uses = _shared(len(labels), counts.double().pow(1 - power) * (counts > 0))
        number = torch.arange(len(labels)) - _starts(uses).repeat_interleave(uses)
        start, count = (each.repeat_interleave(uses) for each in (_starts(counts), counts))
        self._places = start + number % count  # goes through the images of a class again and again

    def __call__(self, seed: int) -> Tensor:
        """Return the order of an epoch, int64 (N,)."""
        generator = torch.Generator().manual_seed(seed)
        shuffled = torch.randperm(len(self._labels), generator=generator)
        by_class = shuffled[self._labels[shuffled].argsort(stable=True)]
        chosen = by_class[self._places]
        return chosen[torch.randperm(len(chosen), generator=generator)]


class Weighted:
    """Use images in proportion to their weights, in random order.

    The weights are those of the data set, such as a column of `image_table` (option `weight`). An epoch has N images,
    as many as the training set. An image of weight w is used N * w / sum(weights) times, rounded down or up; each
    epoch draws which, and the mean over epochs is exact. So an image of weight 0 is never used, and equal weights use
    every image once.

    Args:
        labels: The weights of the training images; their labels are not used.

    Raises:
        ValueError: The data set has no weights.
    """

    def __init__(self, labels: Labels) -> None:
        if labels.weights is None:
            raise ValueError(
                "the data set has no weights; use a data set that has some, such as image_table with the option "
                "weight: COLUMN"
            )
        weights = labels.weights if labels.weights.any() else torch.ones_like(labels.weights)  # few images of a trial
        self._used = weights.nonzero()[:, 0]
        self._shares = weights[self._used] / weights.max()  # a sum of very large weights is infinite
        self._count = len(labels)

    def __call__(self, seed: int) -> Tensor:
        """Return the order of an epoch, int64 (N,)."""
        generator = torch.Generator().manual_seed(seed)
        mixed = torch.randperm(len(self._used), generator=generator)
        ends = self._shares[mixed].cumsum(0)
        # Systematic sampling: N points at equal distances, of which the first is random (Madow 1949).
        first = torch.rand(1, generator=generator, dtype=torch.float64)
        points = (first + torch.arange(self._count)) * (ends[-1] / self._count)
        places = torch.searchsorted(ends, points, right=True).clamp(max=len(ends) - 1)
        chosen = self._used[mixed[places]]
        return chosen[torch.randperm(self._count, generator=generator)]


def _shared(total: int, weights: Tensor) -> Tensor:
    """Return integers with the sum `total`, proportional to the weights; the largest remainders are rounded up."""
    exact = total * weights / weights.sum()
    shares = exact.long()
    up = (exact - shares).argsort(descending=True, stable=True)[: total - int(shares.sum())]
    shares[up] += 1
    return shares


def _starts(sizes: Tensor) -> Tensor:
    """Return the position at which each of several adjacent blocks starts."""
    return sizes.cumsum(0) - sizes
