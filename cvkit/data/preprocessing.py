"""Preprocessing: uint8 pixels -> float in [0, 1] -> augmentations -> normalisation -> model.

Evaluation and prediction skip the augmentations.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..guard import Guard, shown
from ..host.registry import Entry
from ..protocols import Augmentation
from .splits import DataInfo


class Preprocessor:
    """Turns pixels into model inputs: uint8 -> float in [0, 1] -> augmentations -> normalisation by mean and std."""

    def __init__(
        self,
        info: DataInfo,
        augmentations: Iterable[tuple[Entry, Augmentation]],
        device: torch.device,
        channels_last: bool,
    ) -> None:
        self.device = device
        mean, std = (torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (info.mean, info.std))
        self._scale, self._shift = 1 / std, -mean / std
        self.augmentations = tuple((Guard(entry, "cannot augment images"), each) for entry, each in augmentations)
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def to_float(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, C, H, W) as float32 in [0, 1], in the run's memory format."""
        return images.to(torch.float32, memory_format=self._format).div_(255)

    def augment(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, C, H, W) as float32 in [0, 1], augmented with the global random generators.

        Raises `ComponentFailure` if an augmentation fails, or returns anything but the same number of images.
        """
        floats = self.to_float(images)
        for guard, augmentation in self.augmentations:
            floats = _augmented(guard, augmentation, floats)
        return floats

    def normalize(self, images: Tensor) -> Tensor:
        """Return float images in [0, 1] normalised by (x - mean) / std, in one operation."""
        return torch.addcmul(self._shift, images, self._scale).contiguous(memory_format=self._format)

    def for_training(self, images: Tensor) -> Tensor:
        """Return uint8 images as augmented and normalised model inputs."""
        return self.normalize(self.augment(images))

    def for_evaluation(self, images: Tensor) -> Tensor:
        """Return uint8 images as normalised model inputs."""
        return self.normalize(self.to_float(images))


def _augmented(guard: Guard, augmentation: Augmentation, images: Tensor) -> Tensor:
    made = guard(augmentation, images)
    if not isinstance(made, Tensor) or made.ndim != 4 or len(made) != len(images) or not made.is_floating_point():
        raise guard.failure(
            f"returned {shown(made)} for images {shown(images)}; expected as many float images (B, C, H, W)"
        )
    return made
