"""Load a split of a run's data set in batches. An image that cannot be read does not cost the others."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils.data import Dataset, default_collate

from ..data.label_forms import as_batch
from ..data.loading import Batch, DataLoaderSource, DeviceBudget, Reading, open_source
from ..data.splits import Split, TensorSplit
from ..data.worker_errors import error_of, is_of_one_image
from ..data.workers import WorkerPool
from ..errors import ComponentFailure, CvkitError, DataError, one_line
from ..recipe import TrainSettings


@dataclass(frozen=True)
class SplitBatch:
    """A batch of a split.

    Attributes:
        positions: The positions of the images that were read.
        read: These images with their labels; None if no image was read.
        unread: By position, why an image could not be read.
    """

    positions: tuple[int, ...]
    read: Batch | None
    unread: dict[int, str]

    def __len__(self) -> int:
        return len(self.positions) + len(self.unread)


class ReadableImages(Dataset[SplitBatch]):
    """Batches of a split, whose images are called `name` in errors; errors of single images are returned."""

    def __init__(self, split: Split, name: str) -> None:
        self._split, self._name = split, name

    def __getitems__(self, positions: list[int]) -> SplitBatch | CvkitError:
        """Return the batch of the images at these positions."""
        read: list[tuple[int, Any]] = []
        unread: dict[int, str] = {}
        for position in positions:
            try:
                read.append((position, self._split[position]))
            except Exception as error:
                if not is_of_one_image(error):
                    return error_of(error)
                unread[position] = self._reason(position, error)
        if not read:
            return SplitBatch((), None, unread)
        images, labels = default_collate([sample for _, sample in read])
        return SplitBatch(tuple(position for position, _ in read), Batch(images, as_batch(labels)), unread)

    def _reason(self, position: int, error: Exception) -> str:
        if isinstance(error, DataError | ComponentFailure):  # both name the image
            return one_line(error)
        return f"{self._name} image {position:,}: {one_line(error)}"


def split_batches(
    split: Split, name: str, settings: TrainSettings, most: int, device: torch.device
) -> Generator[SplitBatch, None, None]:
    """Yield the images of a split in order, in the batches in which the evaluation of a run has them.

    `most` is ``evaluation.batch_size``. Raises `MachineError` if the machine lacks something.
    """
    streamed = min(most, settings.batch_size)
    if isinstance(split, TensorSplit):  # its images are in memory, so each of them can be read
        source = open_source(split, device, settings.resident, settings.workers, DeviceBudget(device))
        size = streamed if isinstance(source, DataLoaderSource) else most
        order = torch.arange(len(split))
        for positions, batch in zip(order.split(size), source.batches(Reading(order, size)), strict=True):
            yield SplitBatch(tuple(positions.tolist()), batch, {})
        return
    size = most if settings.resident is True else streamed
    requests = [positions.tolist() for positions in torch.arange(len(split)).split(size)]
    pool = WorkerPool(ReadableImages(split, name), settings.workers, _same, pin_memory=False)
    try:
        with closing(pool.load(requests)) as batches:
            for loaded in batches:
                if isinstance(loaded, CvkitError):
                    raise loaded
                yield loaded if loaded.read is None else replace(loaded, read=_on(device, loaded.read))
    finally:
        pool.close()


def _on(device: torch.device, batch: Batch) -> Batch:
    return Batch(batch.images.to(device), batch.labels.to(device))


def _same(batch: Any) -> Any:
    return batch
