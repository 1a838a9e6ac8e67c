"""Augmentations of single images. Each random draw is a function of a seed and the image's index."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..guard import Guard, shown
from ..host.registry import Entry
from ..protocols import SampleAugmentation
from ..seeding import preserved_on_cpu, seed_cpu


class SampleAugmentations:
    """The recipe's augmentations of single images, in order; false if there are none.

    The processes that load images call them. Their draws from the CPU's global generators depend neither on the
    process nor on earlier draws. The caller restores the generators with `preserved_on_cpu`.
    """

    def __init__(self, augmentations: Iterable[tuple[Entry, SampleAugmentation]]) -> None:
        self._augmentations = tuple((Guard(entry, "cannot augment an image"), each) for entry, each in augmentations)

    def __bool__(self) -> bool:
        return bool(self._augmentations)

    def __call__(self, image: Tensor, seed: int, index: int) -> Tensor:
        """Return `image`, uint8 (C, H, W), augmented with the draws of (seed, index).

        Raises `ComponentFailure` if an augmentation fails or changes the type or shape.
        """
        seed_cpu("sample", seed, index)
        image = image.clone()  # an augmentation that works in place must not modify a data set in memory
        for guard, augmentation in self._augmentations:
            image = _augmented(guard, augmentation, image)
        return image

    def batch(self, images: Tensor, seed: int) -> Tensor:
        """Return uint8 images (B, C, H, W), each augmented with its own draws."""
        if not self:
            return images
        with preserved_on_cpu():
            return torch.stack([self(image, seed, index) for index, image in enumerate(images)])


def _augmented(guard: Guard, augmentation: SampleAugmentation, image: Tensor) -> Tensor:
    output = guard(augmentation, image)
    if not isinstance(output, Tensor) or output.dtype != torch.uint8 or output.shape != image.shape:
        raise guard.failure(f"returned {shown(output)} for an image {shown(image)}; it must not change type or shape")
    return output
