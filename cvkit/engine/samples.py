"""Augmentations of single images, before there are batches: each draw a function of a seed and the image's index."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

import torch
from torch import Tensor

from ..errors import RunError, one_line
from .protocols import SampleAugmentation
from .seeding import preserved_on_cpu, seed_cpu


class SampleAugmentations:
    """The augmentations of single images in a recipe, in order, by their components' ids; false where there are none.

    Called in the processes that load images. What they draw from the CPU's global generators does not depend on which
    process draws it, nor on what was drawn before; the caller puts the generators back (`preserved_on_cpu`).
    """

    def __init__(self, augmentations: Iterable[tuple[str, SampleAugmentation]]) -> None:
        self._augmentations = tuple(augmentations)

    def __bool__(self) -> bool:
        return bool(self._augmentations)

    def __call__(self, image: Tensor, seed: int, index: int) -> Tensor:
        """Return `image`, uint8 (C, H, W), augmented by the draws of (seed, index), of the same type and shape.

        Raises `RunError`, naming the component, where one fails or changes type or shape.
        """
        seed_cpu("sample", seed, index)
        image = image.clone()  # what works in place must not reach a data set that is held in memory
        for name, augmentation in self._augmentations:
            image = _augmented(name, augmentation, image)
        return image

    def batch(self, images: Tensor, seed: int) -> Tensor:
        """Return uint8 images (B, C, H, W), each augmented by its own draws."""
        if not self:
            return images
        with preserved_on_cpu():
            return torch.stack([self(image, seed, index) for index, image in enumerate(images)])


def _augmented(name: str, augmentation: SampleAugmentation, image: Tensor) -> Tensor:
    try:
        output = augmentation(image)
    except Exception as error:  # whatever a stranger's code raises, in a process of its own
        place = traceback.extract_tb(error.__traceback__)[-1]
        raise RunError(
            f"augmentation '{name}' fails on an image {tuple(image.shape)}: {type(error).__name__}: "
            f"{one_line(error)} ({place.filename}, line {place.lineno})"
        ) from error
    if not isinstance(output, Tensor) or output.dtype != torch.uint8 or output.shape != image.shape:
        made = f"{output.dtype} {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise RunError(
            f"augmentation '{name}' makes {made.removeprefix('torch.')} of an image uint8 {tuple(image.shape)}; "
            "it must keep type and shape"
        )
    return output
