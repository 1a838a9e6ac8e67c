"""Augmentations of single images, before there are batches: each draw a function of a seed and the image's index."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..guard import Guard, shown
from ..host.registry import Entry
from ..protocols import SampleAugmentation
from ..seeding import preserved_on_cpu, seed_cpu


class SampleAugmentations:
    """The augmentations of single images in a recipe, in order, each with its component; false where there are none.

    Called in the processes that load images. What they draw from the CPU's global generators does not depend on which
    process draws it, nor on what was drawn before; the caller puts the generators back (`preserved_on_cpu`).
    """

    def __init__(self, augmentations: Iterable[tuple[Entry, SampleAugmentation]]) -> None:
        self._augmentations = tuple((Guard(entry, "cannot augment an image"), each) for entry, each in augmentations)

    def __bool__(self) -> bool:
        return bool(self._augmentations)

    def __call__(self, image: Tensor, seed: int, index: int) -> Tensor:
        """Return `image`, uint8 (C, H, W), augmented by the draws of (seed, index), of the same type and shape.

        Raises `ComponentFailure` where one fails or changes type or shape.
        """
        seed_cpu("sample", seed, index)
        image = image.clone()  # what works in place must not reach a data set that is held in memory
        for guard, augmentation in self._augmentations:
            image = _augmented(guard, augmentation, image)
        return image

    def batch(self, images: Tensor, seed: int) -> Tensor:
        """Return uint8 images (B, C, H, W), each augmented by its own draws."""
        if not self:
            return images
        with preserved_on_cpu():
            return torch.stack([self(image, seed, index) for index, image in enumerate(images)])


def _augmented(guard: Guard, augmentation: SampleAugmentation, image: Tensor) -> Tensor:
    output = guard(augmentation, image)
    if not isinstance(output, Tensor) or output.dtype != torch.uint8 or output.shape != image.shape:
        raise guard.failure(f"makes {shown(output)} of an image {shown(image)}; it must keep type and shape")
    return output
