"""Preprocessing: uint8 pixels -> float in [0, 1] -> augmentations -> normalisation -> model.

Evaluation and prediction skip the augmentations.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from itertools import takewhile
from typing import Any

import torch
from torch import Tensor

from ..batch_division import divided, during
from ..guard import Guard, shown
from ..host.registry import Entry
from ..protocols import Augmentation, MixingAugmentation
from .pixel_moves import moved
from .splits import DataInfo


class Preprocessor:
    """Turns pixels into model inputs: uint8 -> float in [0, 1] -> augmentations -> normalisation by mean and std."""

    def __init__(
        self,
        info: DataInfo,
        augmentations: Iterable[tuple[Entry, Callable[..., Any]]],
        device: torch.device,
        channels_last: bool,
    ) -> None:
        self.device = device
        mean, std = (torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (info.mean, info.std))
        self._scale, self._shift = 1 / std, -mean / std
        self.augmentations = tuple((Guard(entry, "cannot augment images"), each) for entry, each in augmentations)
        self.mixes = any(guard.entry.component.mixes for guard, _ in self.augmentations)
        self.task, self.labels, self._classes = info.task, info.labels, info.num_classes
        self._checked = False  # on a GPU, only the first mixed batch is checked, as the host would wait for it
        self._format = torch.channels_last if channels_last else torch.contiguous_format

    def in_memory_format(self, channels_last: bool) -> Preprocessor:
        """Return a copy that gives images in another memory format; its augmentations are copies as well."""
        other = copy.deepcopy(self)
        other._format = torch.channels_last if channels_last else torch.contiguous_format
        return other

    def to_float(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, C, H, W) as float32 in [0, 1], in the run's memory format."""
        return images.to(torch.float32, memory_format=self._format).div_(255)

    def augment(self, images: Tensor, labels: Tensor, soft: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return uint8 images (B, C, H, W) as float32 in [0, 1], augmented with the global random generators.

        `labels` are returned unchanged, or as targets, float (B, K), if an augmentation mixes. `soft` labels, float
        (B, K), replace them. Raises `ComponentFailure` if an augmentation fails, or returns anything but the same
        number of images.

        The first augmentations that only move pixels are applied at once, to the bytes.

        If the images are those of one of several processes, they are augmented as in the complete batch. From the
        first augmentation on that does not draw for the complete batch, each process augments all of its images.
        """
        parted, rows = divided(), None
        first = (
            self.augmentations
            if parted is None
            else takewhile(lambda each: _draws_globally(*each), self.augmentations)
        )
        images, applied = moved(first, images)
        floats, targets = self.to_float(images), self.unmixed(labels, soft)
        for guard, augmentation in self.augmentations[applied:]:
            if parted is not None and rows is None and not _draws_globally(guard, augmentation):
                rows = parted.batch.rows
                floats, targets = parted.gather(floats), parted.gather(targets)
            with nullcontext() if rows is None else during(None):
                if guard.entry.component.mixes:
                    floats, targets = self._mixed(guard, augmentation, floats, targets)
                else:
                    floats = _augmented(guard, augmentation, floats)
        return (floats, targets) if rows is None else (floats[rows], targets[rows])

    def unmixed(self, labels: Tensor, soft: Tensor | None) -> Tensor:
        """Return what the loss compares with before images are mixed."""
        if soft is not None:
            return soft
        return self.targets(labels) if self.mixes else labels

    def targets(self, labels: Tensor) -> Tensor:
        """Return labels as targets, float (B, K)."""
        return self.labels.targets(labels, self._classes)

    def _mixed(
        self, guard: Guard, augmentation: MixingAugmentation, images: Tensor, targets: Tensor
    ) -> tuple[Tensor, Tensor]:
        made = guard(augmentation, images, targets)
        if not isinstance(made, tuple) or len(made) != 2:
            raise guard.failure(f"returned {shown(made)}; expected the images and the targets, as a tuple")
        mixed, soft = _require_images(guard, made[0], images), made[1]
        if not isinstance(soft, Tensor) or soft.shape != targets.shape or not soft.is_floating_point():
            raise guard.failure(f"returned targets {shown(soft)}; expected {shown(targets)}")
        if targets.device.type == "cpu" or not self._checked:
            self._checked = True
            for what, values in (("images", mixed), ("targets", soft)):
                if not values.isfinite().all():
                    raise guard.failure(f"returned {what} with values that are not finite")
        return mixed, soft

    def normalize(self, images: Tensor) -> Tensor:
        """Return float images in [0, 1] normalised by (x - mean) / std, in one operation."""
        return torch.addcmul(self._shift, images, self._scale).contiguous(memory_format=self._format)

    def for_training(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return uint8 images as augmented and normalised model inputs, and the labels or targets of the loss."""
        augmented, targets = self.augment(images, labels)
        return self.normalize(augmented), targets

    def for_evaluation(self, images: Tensor) -> Tensor:
        """Return uint8 images as normalised model inputs."""
        return self.normalize(self.to_float(images))


def _draws_globally(guard: Guard, augmentation: Any) -> bool:
    return not guard.entry.component.mixes and bool(getattr(augmentation, "draws_globally", False))


def _augmented(guard: Guard, augmentation: Augmentation, images: Tensor) -> Tensor:
    return _require_images(guard, guard(augmentation, images), images)


def _require_images(guard: Guard, made: object, images: Tensor) -> Tensor:
    if not isinstance(made, Tensor) or made.ndim != 4 or len(made) != len(images) or not made.is_floating_point():
        raise guard.failure(
            f"returned {shown(made)} for images {shown(images)}; expected as many float images (B, C, H, W)"
        )
    return made
