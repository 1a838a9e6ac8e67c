"""Load batches of a split onto the device: by index if it is resident there, else with torch's `DataLoader`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from ..batch_division import WHOLE, Share
from ..errors import CvkitError
from ..step_progress import ProgressOf
from .caching import CachedSplit, CachePlan
from .label_forms import as_batch, stacked
from .sample_augmentation import SampleAugmentations
from .samples import Requests, Samples, collated, earlier_uses
from .splits import Split, TensorSplit
from .workers import WorkerPool


@dataclass(frozen=True)
class Batch:
    """Images uint8 (B, C, H, W), labels and soft labels float (B, K) or None, on the run's device.

    The labels are int64 (B,), or label sets, float32 (B, K). `whole` is the number of images of the global batch, if
    these are the share of one of several processes.
    """

    images: Tensor
    labels: Tensor
    soft: Tensor | None = None
    whole: int | None = None

    @property
    def total(self) -> int:
        """The number of images of the batch in all processes together."""
        return len(self.labels) if self.whole is None else self.whole


@dataclass(frozen=True, eq=False)
class Reading:
    """What to read from a source: the images in `order`, int64 (M,), in batches of `batch_size`.

    The last batch may be smaller. Random augmentations of single images depend on `seed`, on the image's index, and
    on how often the index occurs earlier in `order`; `progress` is what they see of training. Batches begin at
    position `first`. A process with a `share` gets its rows of each batch, possibly none.
    """

    order: Tensor
    batch_size: int
    seed: int = 0
    first: int = 0
    progress: ProgressOf | None = None
    share: Share = WHOLE

    def reads_the_same_as(self, other: Reading) -> bool:
        """Return whether both read the same samples, whatever progress they see."""
        mine, theirs = ((one.batch_size, one.seed, one.first, one.share) for one in (self, other))
        return mine == theirs and torch.equal(self.order, other.order)


class BatchSource(Protocol):
    """A split that yields batches on the device."""

    def __len__(self) -> int: ...

    def batches(self, reading: Reading) -> Iterator[Batch]:
        """Yield the batches of a reading."""
        ...

    def prefetch(self, reading: Reading) -> None:
        """Let idle worker processes load the first batches of a reading, which the next call of `batches` yields."""
        ...

    def kept_open(self) -> AbstractContextManager[None]:
        """Keep the processes that load images between two calls of `batches` within the block."""
        ...


class DeviceResidentSource:
    """A split that is stored on the device. A batch is an index operation, without transfers from the host."""

    def __init__(self, split: TensorSplit, device: torch.device) -> None:
        self._images = split.images.to(device)
        self._labels = split.labels.to(device)

    def __len__(self) -> int:
        return len(self._labels)

    def batches(self, reading: Reading) -> Iterator[Batch]:
        """Yield batches by index. Only the order is transferred to the device, once."""
        order = reading.order[reading.first :].to(self._labels.device, non_blocking=True)
        for whole in order.split(reading.batch_size):
            chosen = whole[reading.share.rows]
            yield Batch(self._images[chosen], self._labels[chosen], whole=len(whole))

    def prefetch(self, reading: Reading) -> None:
        """Do nothing: the images are on the device."""

    def kept_open(self) -> AbstractContextManager[None]:
        """Do nothing: no processes are needed."""
        return nullcontext()


class DataLoaderSource:
    """A split that torch's `DataLoader` reads with `workers` processes, and with pinned memory for a GPU.

    The processes also apply augmentations of single images.
    """

    def __init__(
        self, split: Split, device: torch.device, workers: int, augmentations: SampleAugmentations | None = None
    ) -> None:
        self._split, self._device, self._workers = split, device, workers
        self._augmentations = augmentations
        self._keeping = 0
        self._idle: WorkerPool | None = None
        self._ahead: tuple[WorkerPool, Reading, Requests] | None = None  # workers that load what `prefetch` announced

    def __len__(self) -> int:
        return len(self._split)

    @property
    def cached(self) -> CachedSplit | None:
        """The split whose images are decoded once; None without a cache."""
        return self._split if isinstance(self._split, CachedSplit) else None

    def fill_cache(self) -> None:
        """Decode all images for the cache, if there is one and they are not in it."""
        if self.cached is not None:
            self.cached.fill(self._workers)

    @property
    def workers(self) -> int:
        """The number of processes that load images."""
        return self._workers

    def separate(self, workers: int | None = None) -> DataLoaderSource:
        """Return a source of the same images with its own processes, and so with its own augmentations.

        `workers` replaces their number.
        """
        count = self._workers if workers is None else workers
        return DataLoaderSource(self._split, self._device, count, self._augmentations)

    def batches(self, reading: Reading) -> Iterator[Batch]:
        """Yield batches in order. They do not depend on the number of workers.

        For a share of no images, the first image of the batch is loaded, whose size and type an empty batch has.
        """
        self.fill_cache()
        pool, requests = self._pool_for(reading)
        handed_over = False  # after that, another iteration may use the pool
        try:
            with closing(pool.load(requests)) as batches:
                for batch, chunk in zip(batches, requests.chunks, strict=True):
                    if isinstance(batch, CvkitError):
                        raise batch
                    images, labels = batch
                    count = reading.share.of(len(chunk))
                    if pool.idle and self._keeping and self._idle is None:
                        self._idle, handed_over = pool, True
                    yield Batch(
                        images[:count].to(self._device, non_blocking=True),
                        as_batch(labels)[:count].to(self._device, non_blocking=True),
                        whole=len(chunk),
                    )
        finally:
            if not handed_over:
                pool.close()

    def prefetch(self, reading: Reading) -> None:
        """Let the workers that `kept_open` keeps load the first batches; without such workers, do nothing.

        If the next call of `batches` has another reading, what they have loaded is lost.
        """
        if self._idle is None or not self._workers or not (self.cached is None or self.cached.filled()):
            return
        pool, self._idle = self._idle, None
        requests = self._requests(reading)
        self._ahead = pool, reading, requests
        with suppress(CvkitError):  # `batches` begins again, and reports it
            pool.begin(requests)

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the worker processes between two calls of `batches` within the block."""
        self._keeping += 1
        try:
            yield
        finally:
            self._keeping -= 1
            if not self._keeping:
                for pool in (self._idle, self._ahead and self._ahead[0]):
                    if pool is not None:
                        pool.close()
                self._idle = self._ahead = None

    def _requests(self, reading: Reading) -> Requests:
        order = reading.order
        draws = order + len(self) * earlier_uses(order) if self._augmentations else order
        chunks = draws[reading.first :].split(reading.batch_size)
        return Requests(reading.seed, chunks, reading.share, reading.first // reading.batch_size, reading.progress)

    def _pool_for(self, reading: Reading) -> tuple[WorkerPool, Requests]:
        """Return workers for a reading and their requests, with which they have begun if `prefetch` announced it."""
        if self._ahead is not None:
            (pool, announced, requests), self._ahead = self._ahead, None
            if announced.reads_the_same_as(reading):
                return pool, requests
            pool.close()
            return pool, self._requests(reading)
        pool, self._idle = self._idle or self._new_pool(), None  # another iteration needs other processes
        return pool, self._requests(reading)

    def _new_pool(self) -> WorkerPool:
        samples = Samples(self._split, self._augmentations)
        return WorkerPool(samples, self._workers, collated, pin_memory=self._device.type == "cuda")


class DeviceBudget:
    """The memory of `device` that resident splits may use in total: half of what is free now.

    The other half is for the model, its optimizer and a training step. On devices that share the system's memory,
    there is no limit.
    """

    def __init__(self, device: torch.device) -> None:
        self._left = torch.cuda.mem_get_info(device)[0] // 2 if device.type == "cuda" else None

    def takes(self, split: TensorSplit) -> bool:
        """Return whether `split` fits into the remaining memory; if it does, reserve that memory."""
        if self._left is None:
            return True
        needed = split.images.nbytes + split.labels.nbytes
        if fits := needed <= self._left:
            self._left -= needed
        return fits


def open_source(
    split: Split,
    device: torch.device,
    resident: bool | Literal["auto"],
    workers: int,
    room: DeviceBudget | None = None,
    augmentations: SampleAugmentations | None = None,
    cache: CachePlan | None = None,
) -> BatchSource:
    """Return `split` as a source on `device`: resident if requested, or if ``"auto"`` finds that it fits.

    ``"auto"`` makes a split resident if it is already in memory and `room` has enough left. ``True`` first reads a
    streamed split into memory. If single images are augmented, the split is always streamed, and ``True`` then keeps
    the decoded images in memory. `cache` says where decoded images of a streamed split are kept.
    """
    room = room or DeviceBudget(device)
    if not isinstance(split, TensorSplit):
        if resident is True and not augmentations:
            split = materialize(split)
        elif cache is not None or resident is True:
            needed = augmentations.needed if augmentations else None
            split = CachedSplit(split, needed, cache or CachePlan())
    if augmentations:
        return DataLoaderSource(split, device, workers, augmentations)
    if isinstance(split, TensorSplit) and (resident is True or (resident == "auto" and room.takes(split))):
        return DeviceResidentSource(split, device)
    return DataLoaderSource(split, device, workers)


def materialize(split: Split, indices: Sequence[int] | None = None) -> TensorSplit:
    """Return the images at `indices` (default: all) as a split in memory, with their masks if they are known."""
    if isinstance(split, TensorSplit):
        if indices is None:
            return split
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        masks = None if split.masks is None else split.masks[chosen]
        return TensorSplit(split.images[chosen], split.labels[chosen], masks)
    pairs = [split[index] for index in (range(len(split)) if indices is None else indices)]
    return TensorSplit(torch.stack([image for image, _ in pairs]), stacked([label for _, label in pairs]))
