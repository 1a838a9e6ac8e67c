"""Data as a run sees it: `Splits` with a `DataInfo`, and batches on the device, resident or streamed.

The order of a pixel's life: uint8 -> float in [0, 1] -> augmentations -> normalised -> model. Evaluation and
prediction skip only the augmentations.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from ..errors import CvkitError


@dataclass(frozen=True)
class DataInfo:
    """What is known of a data set before the first image is read.

    `classes`: their names, in label order. `mean`, `std`: per channel, of the training images in [0, 1].
    """

    channels: int
    height: int
    width: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.classes)


@runtime_checkable
class Split(Protocol):
    """A map-style data set: ``split[i]`` is (image uint8 (C, H, W), label), every image of one size."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]: ...


@dataclass(frozen=True)
class TensorSplit:
    """A split held in memory whole: it can live on the device and be shuffled by an index.

    `images`: uint8 (N, C, H, W). `labels`: int64 (N,). `masks`: bool (N, H, W), where the object is, if known.
    """

    images: Tensor
    labels: Tensor
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        return self.images[index], int(self.labels[index])


@dataclass(frozen=True)
class Splits:
    """The two halves of a data set and what is known of it; `digest` identifies the content, if cheaply known."""

    train: Split
    test: Split
    info: DataInfo
    digest: str = ""


@dataclass(frozen=True)
class Batch:
    """Images uint8 (B, C, H, W) and labels int64 (B,), on the run's device."""

    images: Tensor
    labels: Tensor


class Source(Protocol):
    """A split whose batches come out on the device."""

    def __len__(self) -> int: ...

    def batches(self, order: Tensor, batch_size: int) -> Iterator[Batch]:
        """Yield the images `order` names, int64 (M,), `batch_size` at a time; the last batch may be short."""
        ...


class ResidentSource:
    """A split that lives on the device whole: a batch is an index, and nothing crosses the bus after the start."""

    def __init__(self, split: TensorSplit, device: torch.device) -> None:
        self._images = split.images.to(device)
        self._labels = split.labels.to(device)

    def __len__(self) -> int:
        return len(self._labels)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[Batch]:
        """Yield batches by index; the order crosses to the device once."""
        for chosen in order.to(self._labels.device, non_blocking=True).split(batch_size):
            yield Batch(self._images[chosen], self._labels[chosen])


class StreamedSource:
    """A split read through torch's `DataLoader`: `workers` processes, pinned memory where the device is a GPU."""

    def __init__(self, split: Split, device: torch.device, workers: int) -> None:
        self._split, self._device, self._workers = split, device, workers

    def __len__(self) -> int:
        return len(self._split)

    def batches(self, order: Tensor, batch_size: int) -> Iterator[Batch]:
        """Yield batches in order, whatever the number of workers."""
        loader: DataLoader[Any] = DataLoader(
            _Guarded(self._split),
            collate_fn=_collate,
            worker_init_fn=_leave_signals_to_the_parent,
            batch_sampler=[chunk.tolist() for chunk in order.split(batch_size)],
            num_workers=self._workers,
            pin_memory=self._device.type == "cuda",
            # Its base seed would otherwise come from, and move, the global generator.
            generator=torch.Generator().manual_seed(0),
        )
        for loaded in loader:
            if isinstance(loaded, CvkitError):
                raise loaded
            images, labels = loaded
            yield Batch(
                images.to(self._device, non_blocking=True), labels.to(self._device, torch.int64, non_blocking=True)
            )


class _Guarded(Dataset[tuple[Tensor, int] | CvkitError]):
    """A split whose errors come as values: raised in a worker, they would arrive wrapped in its traceback."""

    def __init__(self, split: Split) -> None:
        self._split = split

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | CvkitError:
        try:
            return self._split[index]
        except CvkitError as error:
            return error


def _collate(samples: list[tuple[Tensor, int] | CvkitError]) -> Any:
    for sample in samples:
        if isinstance(sample, CvkitError):
            return sample
    return default_collate(samples)


def _leave_signals_to_the_parent(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the parent finishes its step and ends the workers itself."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def open_source(split: Split, device: torch.device, resident: bool | Literal["auto"], workers: int) -> Source:
    """Return `split` as a source on `device`, resident where asked for, or where ``"auto"`` finds that it fits.

    ``"auto"`` keeps a split resident that is in memory already and takes at most half of the device's free
    memory; ``True`` also reads a streamed split into memory first.
    """
    if resident is True and not isinstance(split, TensorSplit):
        split = read_whole(split)
    if isinstance(split, TensorSplit) and (resident is True or (resident == "auto" and _fits(split, device))):
        return ResidentSource(split, device)
    return StreamedSource(split, device, workers)


def read_whole(split: Split, indices: Sequence[int] | None = None) -> TensorSplit:
    """Return the images at `indices` (all, by default) as a split in memory, with masks where they are known."""
    if isinstance(split, TensorSplit):
        if indices is None:
            return split
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        masks = None if split.masks is None else split.masks[chosen]
        return TensorSplit(split.images[chosen], split.labels[chosen], masks)
    pairs = [split[index] for index in (range(len(split)) if indices is None else indices)]
    return TensorSplit(torch.stack([image for image, _ in pairs]), torch.tensor([label for _, label in pairs]))


def _fits(split: TensorSplit, device: torch.device) -> bool:
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return split.images.nbytes <= free // 2


class Pixels:
    """The order of a pixel's life: uint8 -> float in [0, 1] -> augmentations -> normalised by mean and std."""

    def __init__(
        self,
        info: DataInfo,
        augmentations: Sequence[Callable[[Tensor], Tensor]],
        device: torch.device,
        channels_last: bool,
    ) -> None:
        mean, std = (torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (info.mean, info.std))
        self._scale, self._shift = 1 / std, -mean / std
        self._augmentations = tuple(augmentations)
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def to_float(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, C, H, W) as float32 in [0, 1], in the run's memory format."""
        return images.to(torch.float32, memory_format=self._format).div_(255)

    def augment(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, C, H, W) as float32 in [0, 1], augmented by draws of the global generators."""
        floats = self.to_float(images)
        for augmentation in self._augmentations:
            floats = augmentation(floats)
        return floats

    def normalize(self, images: Tensor) -> Tensor:
        """Return float images in [0, 1] as the model wants them: (x - mean) / std, in one pass."""
        return torch.addcmul(self._shift, images, self._scale).contiguous(memory_format=self._format)

    def for_training(self, images: Tensor) -> Tensor:
        """Return uint8 images as augmented, normalised model input."""
        return self.normalize(self.augment(images))

    def for_evaluation(self, images: Tensor) -> Tensor:
        """Return uint8 images as normalised model input."""
        return self.normalize(self.to_float(images))
