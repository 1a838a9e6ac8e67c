"""Augmentations of single images. Each random draw is a function of a seed and the image's index."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..guard import Guard, shown
from ..host.registry import Entry
from ..protocols import PhotoCrop, SampleAugmentation
from ..seeding import preserved_on_cpu, seed_cpu
from .reduction import Needed
from .resizing import frame
from .splits import DataInfo


class SampleAugmentations:
    """The recipe's augmentations of single images, in order; false if there are none.

    The processes that load images call them. Their draws from the CPU's global generators depend neither on the
    process nor on earlier draws. The caller restores the generators with `preserved_on_cpu`.
    """

    def __init__(self, augmentations: Iterable[tuple[Entry, SampleAugmentation]], info: DataInfo) -> None:
        self._augmentations = tuple((Guard(entry, "cannot augment an image"), each) for entry, each in augmentations)
        self._info = info

    def __bool__(self) -> bool:
        return bool(self._augmentations)

    @property
    def needed(self) -> Needed | None:
        """How far photos may be reduced for the first augmentation when they are decoded; None if not at all."""
        if not self._augmentations or self._info.framing is None or self._info.framing.decode != "draft":
            return None
        guard, first = self._augmentations[0]
        return partial(_needed, Guard(guard.entry), first) if isinstance(first, PhotoCrop) else None

    def __call__(self, image: Tensor, seed: int, index: int, size: tuple[int, int] | None = None) -> Tensor:
        """Return `image`, uint8 (C, H, W), augmented with the draws of (seed, index), in the model's input size.

        `size` is the height and the width in the file, if `image` was reduced as far as `needed` allows. Raises
        `ComponentFailure` if an augmentation fails or changes the type or the channels, or if it changes the size
        although all images of the data set have the input size.
        """
        seed_cpu("sample", seed, index)
        image = image.clone()  # an augmentation that works in place must not modify a data set in memory
        reduced = size is not None and size != tuple(image.shape[-2:])
        for number, (guard, augmentation) in enumerate(self._augmentations):
            image = self._augmented(guard, augmentation, image, *([size] if reduced and not number else []))
        return frame(image, self._info)

    def batch(self, images: Iterable[Tensor], seed: int) -> Tensor:
        """Return uint8 images (C, H, W) of any size as a batch (B, C, H, W), each augmented with its own draws."""
        if not self:
            return torch.stack([frame(image, self._info) for image in images])
        with preserved_on_cpu():
            return torch.stack([self(image, seed, index) for index, image in enumerate(images)])

    def _augmented(self, guard: Guard, augmentation: SampleAugmentation, image: Tensor, *original: Any) -> Tensor:
        output = guard(augmentation, image, *original)
        fits = isinstance(output, Tensor) and output.dtype == torch.uint8 and output.ndim == 3
        size = slice(0, 1 if self._info.framing else 3)  # images of any size are framed afterwards
        if not fits or output.shape[size] != image.shape[size]:
            what = "the type or the channels" if self._info.framing else "type or shape"
            raise guard.failure(f"returned {shown(output)} for an image {shown(image)}; it must not change {what}")
        made: Tensor = output
        return made


def _needed(guard: Guard, crop: PhotoCrop, height: int, width: int) -> tuple[int, int]:
    """Return ``crop.needed(height, width)``; raise `ComponentFailure` unless it is two positive integers."""
    sides = guard(crop.needed, height, width)
    if not (isinstance(sides, tuple | list) and len(sides) == 2 and all(type(n) is int and n > 0 for n in sides)):
        raise guard.failure(
            f"returned {sides!r} from needed({height}, {width}); expected a height and a width, two positive integers"
        )
    return sides[0], sides[1]
