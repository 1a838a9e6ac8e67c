"""Read every image of a split once, and keep what the checks need: a digest, a size and a small picture."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..data.splits import DataInfo, Split, Splits
from ..errors import ComponentFailure, DataError

SIDE = 32
"""Height and width of the small pictures in pixels. All images are resized to it, whatever their shape."""

SplitName = Literal["training", "validation", "test"]


@dataclass(frozen=True)
class SplitFacts:
    """What was read of a split of N images.

    Attributes:
        name: Which split.
        names: The file of each image, or ``test image 17``.
        labels: The numbers of the classes of each image; none of a damaged image, because they could not be read.
        sizes: Height and width of each image, int64 (N, 2); 0 for a damaged one.
        channels: Channels of the images.
        grey: Images with three equal channels, bool (N,).
        digests: A digest of each image's shape and pixels; empty for a damaged image.
        small: The images in `SIDE` by `SIDE` pixels, uint8 (N, C, `SIDE`, `SIDE`), with one or three channels.
        damaged: By position, why an image could not be read.
    """

    name: SplitName
    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    sizes: Tensor
    channels: int
    grey: Tensor
    digests: tuple[bytes, ...]
    small: Tensor
    damaged: dict[int, str]

    def __len__(self) -> int:
        return len(self.names)

    def counts(self, classes: int, chosen: Tensor | None = None) -> Tensor:
        """Return the number of images of each class, int64 (K,): of all, or of those `chosen`, bool (N,)."""
        used = [True] * len(self) if chosen is None else chosen.tolist()
        of_images = [label for labels, use in zip(self.labels, used, strict=True) if use for label in labels]
        return torch.tensor(of_images, dtype=torch.int64).bincount(minlength=classes)


def read_splits(splits: Splits, advance: Callable[[int], None]) -> tuple[SplitFacts, ...]:
    """Read all splits that exist; `advance` is called with the number of images read since its last call."""
    halves: tuple[tuple[SplitName, Split | None], ...] = (
        ("training", splits.train),
        ("validation", splits.validation),
        ("test", splits.test),
    )
    return tuple(read_split(split, name, splits.info, advance) for name, split in halves if split is not None)


def read_split(split: Split, name: SplitName, info: DataInfo, advance: Callable[[int], None]) -> SplitFacts:
    """Read a split. An image that raises a cvkit error is damaged; any other error is not caught."""
    count, channels = len(split), info.channels
    labels: list[tuple[int, ...]] = []
    sizes = torch.zeros(count, 2, dtype=torch.int64)
    grey = torch.zeros(count, dtype=torch.bool)
    small = torch.zeros(count, 3 if channels == 3 else 1, SIDE, SIDE, dtype=torch.uint8)
    digests: list[bytes] = []
    damaged: dict[int, str] = {}
    for index in range(count):
        advance(1)
        try:
            image, label = split[index]
        except (DataError, ComponentFailure) as error:
            damaged[index] = str(error)
            labels.append(())
            digests.append(b"")
            continue
        labels.append(tuple(info.labels.classes_of(label)))
        sizes[index] = torch.tensor(image.shape[-2:])
        grey[index] = len(image) == 3 and torch.equal(image[0], image[1]) and torch.equal(image[0], image[2])
        small[index] = reduced(image)
        digests.append(digest_of(image))
    names = _names(split, name, count)
    return SplitFacts(name, names, tuple(labels), sizes, channels, grey, tuple(digests), small, damaged)


def reduced(image: Tensor) -> Tensor:
    """Return an image as uint8 (C, `SIDE`, `SIDE`): three channels as they are, any other number as their mean."""
    if len(image) != 3:
        image = image.float().mean(dim=0, keepdim=True).round().to(torch.uint8)
    if image.shape[-2:] == (SIDE, SIDE):
        return image
    made = interpolate(image[None].float(), (SIDE, SIDE), mode="bilinear", antialias=True)
    return made[0].round().to(torch.uint8)


def digest_of(image: Tensor) -> bytes:
    """Return a digest of the shape and the pixels of an image."""
    digest = hashlib.blake2b(repr(tuple(image.shape)).encode(), digest_size=16)
    digest.update(image.contiguous().numpy().tobytes())
    return digest.digest()


def _names(split: Split, name: SplitName, count: int) -> tuple[str, ...]:
    names = getattr(split, "names", None)
    return tuple(map(str, names)) if names else tuple(f"{name} image {index}" for index in range(count))
