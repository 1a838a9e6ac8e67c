"""The samples that worker processes load: images of a split, augmented with the draws of an epoch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from ..batch_division import Share
from ..errors import CvkitError
from ..seeding import preserved_on_cpu
from ..step_progress import Progress, ProgressOf, during
from .reduction import read_photo
from .sample_augmentation import SampleAugmentations
from .splits import Split
from .worker_errors import error_of

Request = tuple[int, list[int], Progress | None]
"""A seed, draws, and the progress of training."""


class Samples(Dataset[tuple[Tensor, Any]]):
    """A split's augmented samples, by draw: the image's index, plus the length of the split for each earlier use.

    So an image that an epoch uses twice is augmented in two ways. Errors are returned.
    """

    def __init__(self, split: Split, augmentations: SampleAugmentations | None) -> None:
        self._split, self._augmentations = split, augmentations
        self._copy: tuple[int, SampleAugmentations] | None = None

    def __len__(self) -> int:
        return len(self._split)

    def __getitems__(self, request: Request) -> list[tuple[Tensor, Any]] | CvkitError:
        """Return the samples of a batch, given as a seed, draws, and the progress of training at its step.

        torch's loader requests them together, so generators are restored once.
        """
        seed, draws, progress = request
        try:
            if not self._augmentations:
                return [self._split[draw] for draw in draws]
            augment = self._of_epoch(seed, self._augmentations)
            photos = [read_photo(self._split, draw % len(self), augment.needed) for draw in draws]
            with preserved_on_cpu(), during(progress):
                return [
                    (augment(photo.image, seed, draw, photo.size), photo.label)
                    for draw, photo in zip(draws, photos, strict=True)
                ]
        except Exception as error:
            return error_of(error)

    def _of_epoch(self, seed: int, augmentations: SampleAugmentations) -> SampleAugmentations:
        """Return the augmentations to use with `seed`, a new copy for each seed.

        So what a plugin's augmentation remembers does not depend on how many epochs this process has loaded, and a
        run that is resumed after an epoch is exact.
        """
        if self._copy is None or self._copy[0] != seed:
            self._copy = (seed, copy.deepcopy(augmentations))
        return self._copy[1]


@dataclass(frozen=True)
class Requests(Sequence[Request]):
    """What `Samples` is asked for: the draws of each batch in `chunks`, of which a process has a `share`.

    A request is made when it is needed, because a million draws as Python's numbers take 40 MB. `first` is the number
    of the first batch in its epoch, for `progress`.
    """

    seed: int
    chunks: Sequence[Tensor]
    share: Share
    first: int
    progress: ProgressOf | None

    def __len__(self) -> int:
        return len(self.chunks)

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> list[Request]: ...
    def __getitem__(self, index: int | slice) -> Request | list[Request]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        chunk = self.chunks[index]
        draws = chunk[self.share.rows].tolist() or chunk[:1].tolist()
        return self.seed, draws, None if self.progress is None else self.progress(self.first + index)


def earlier_uses(order: Tensor) -> Tensor:
    """Return how often each index of `order` occurs before its position, int64 (M,)."""
    ordered, positions = order.sort(stable=True)
    _, uses = ordered.unique_consecutive(return_counts=True)
    earlier = torch.empty_like(order)
    earlier[positions] = torch.arange(len(order)) - (uses.cumsum(0) - uses).repeat_interleave(uses)
    return earlier


def collated(samples: list[tuple[Tensor, Any]] | CvkitError) -> Any:
    """Return samples as a batch, and an error as it is."""
    return samples if isinstance(samples, CvkitError) else default_collate(samples)
