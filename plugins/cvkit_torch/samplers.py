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
