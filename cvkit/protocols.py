"""Protocols of samplers, augmentations, metrics and explainers. The other kinds use torch's classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from .errors import RunError


class Sampler(Protocol):
    """Returns the training images of an epoch, in the order in which they are used.

    It has no state: the order depends only on the seed. The CPU's global generators are seeded with it too.

    Args:
        seed: A non-negative number below 2**63, different for each epoch of a run.

    Returns:
        Indices of training images, int64 (N,) on the CPU, where N is the number of training images. An index may
        occur more than once or not at all.
    """

    def __call__(self, seed: int, /) -> Tensor: ...


class Augmentation(Protocol):
    """Returns augmented images; it does not modify its input.

    If several processes train together, each augments all images of the global batch and uses its own. An
    augmentation with the attribute ``draws_globally = True`` gets the images of one process only, which is faster. It
    must treat each image by itself, and draw its random numbers for all images with `global_batch`.

    An augmentation that only moves pixels, such as a crop, may have a method ``pixel_moves(shape, device)``. It draws
    as a call on images of `shape` (B, C, H, W) would, and returns the input row of each output row, int64 (B, H), and
    the input column of each output column, int64 (B, W); or None, without a draw, if it cannot. If the first
    augmentations of a recipe have it, cvkit moves bytes, once, instead of calling each with floats.

    Args:
        images: float (B, C, H, W) in [0, 1].

    Returns:
        New images of the same shape and range.
    """

    def __call__(self, images: Tensor, /) -> Tensor: ...


class MixingAugmentation(Protocol):
    """Returns augmented images and their targets; it does not modify its input.

    Args:
        images: float (B, C, H, W) in [0, 1].
        targets: float (B, K): for each image, the share of each class. Each row sums to 1.

    Returns:
        New images of the same shape and range, and new targets of the same shape, whose rows sum to 1.
    """

    def __call__(self, images: Tensor, targets: Tensor, /) -> tuple[Tensor, Tensor]: ...


class SampleAugmentation(Protocol):
    """Returns one augmented image; it does not modify its input.

    Args:
        image: uint8 (C, H, W).

    Returns:
        A new image of the same type and channels. It has the same size, unless the data set's info has a framing,
        which brings an image of any size to the model's input size.
    """

    def __call__(self, image: Tensor, /) -> Tensor: ...


@runtime_checkable
class PhotoCrop(Protocol):
    """A `SampleAugmentation` that crops photos of any size, and can do so after a photo was reduced.

    With ``decode: draft``, JPEG files are decoded at a reduced size for it, if it is the first augmentation of single
    images in the recipe.
    """

    def needed(self, height: int, width: int, /) -> tuple[int, int]:
        """Return how far a photo may be reduced.

        Args:
            height: Height of the photo in pixels.
            width: Width of the photo in pixels.

        Returns:
            The smallest height and width of the whole photo with which no crop has to be enlarged.
        """
        ...

    def __call__(self, image: Tensor, size: tuple[int, int] | None = None, /) -> Tensor:
        """Return a random crop; it is drawn for the photo of the original size.

        Args:
            image: uint8 (C, H, W), maybe reduced.
            size: Height and width of the original photo; None if `image` is the original.

        Returns:
            The crop, uint8 (C, H', W').
        """
        ...


class TrainingOutputs(NamedTuple):
    """What a model with ``loss_terms`` returns in training mode. In evaluation mode, it returns the logits alone.

    The training loss is the loss of `logits`, plus the loss of each auxiliary output and each own loss, times its
    weight in the recipe's ``train.loss_weights``.

    Attributes:
        logits: float (B, K).
        aux: Auxiliary logits by name, each float (B, K); the recipe's loss compares each with the same targets.
        losses: Losses of the model's own by name, each the mean over the batch, a scalar.
    """

    logits: Tensor
    aux: Mapping[str, Tensor] = {}
    losses: Mapping[str, Tensor] = {}


class Explainer(Protocol):
    """Returns maps of the evidence for target classes.

    An explainer may have the attributes ``notes`` and ``warnings``, lists of lines about its maps so far. They are
    read after each call: notes are shown with the maps, and warnings say why the maps may mean nothing.

    Args:
        images: Normalised images (B, C, H, W).
        targets: Classes to explain, int64 (B,).

    Returns:
        Maps, float32 (B, H, W), detached from the graph: in [0, 1], or in [-1, 1] if the component is declared
        ``signed``.
    """

    def __call__(self, images: Tensor, targets: Tensor, /) -> Tensor: ...


class Metric(Protocol):
    """A metric: a number from the predictions on a whole split.

    A metric whose lowest value is the best, such as an error, has the attribute ``higher_is_better = False``.

    Args:
        logits: float32 (N, K).
        labels: int64 (N,); float32 (N, K) of 0 and 1 if the task is ``multi_label``.

    Returns:
        A finite number.
    """

    def __call__(self, logits: Tensor, labels: Tensor, /) -> float: ...


ROUNDING = 1e-6
"""How far maps may exceed their range: maps that are resized after normalisation reach 1 + 1.2e-7."""


def require_maps(maps: object, images: Tensor, *, signed: bool = False) -> Tensor:
    """Return `maps`; raise `RunError` unless there is one finite map for each image, of the same height and width.

    Signed maps must be in [-1, 1]. Other maps may leave [0, 1], and are then clipped for display with a warning.
    """
    expected = (len(images), *images.shape[-2:])
    if not isinstance(maps, Tensor):
        raise RunError(f"returned maps of type {type(maps).__name__}; expected a tensor {expected}")
    if tuple(maps.shape) != expected:
        raise RunError(f"returned maps of shape {tuple(maps.shape)}; expected {expected}")
    if not torch.isfinite(maps).all():
        raise RunError("returned maps with values that are not finite")
    if signed and maps.numel() and maps.abs().max() > 1 + ROUNDING:
        raise RunError(
            f"returned signed maps with values from {float(maps.min()):.4g} to {float(maps.max()):.4g}; expected "
            "values in [-1, 1]. Divide each map by its largest absolute value"
        )
    return maps
