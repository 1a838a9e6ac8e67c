"""Parts tried on two images before a run begins: each either fits the next, or is told by name why it does not."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ..errors import RunError, one_line
from ..registry import Entry
from .protocols import Augmentation


def require_initialised(entry: Entry, model: nn.Module) -> None:
    """Raise `RunError` where a model has weights without a size yet, as lazy layers do until they are called."""
    lazy = [name for name, parameter in model.named_parameters() if is_lazy(parameter)]
    if lazy:
        raise RunError(f"{entry.id} has lazy layers ({lazy[0]}); give their sizes, which follow from `info`")


def try_augmentations(augmentations: Iterable[tuple[Entry, Augmentation]], images: Tensor) -> Tensor:
    """Return float images (B, C, H, W) augmented; raise `RunError` naming the first that fails or makes no images."""
    for entry, augmentation in augmentations:
        try:
            augmented = augmentation(images)
        except Exception as error:  # whatever a stranger's code raises
            reason = f"{type(error).__name__}: {one_line(error)}"
            raise RunError(f"{entry.id} cannot augment images {tuple(images.shape)}: {reason}") from error
        if not isinstance(augmented, Tensor) or augmented.ndim != 4 or len(augmented) != len(images):
            raise RunError(f"{entry.id} makes {_shown(augmented)} of {len(images)} images, not as many images")
        images = augmented
    return images


def try_model(entry: Entry, model: nn.Module, inputs: Tensor, classes: int) -> Tensor:
    """Return the logits of normalised images; raise `RunError` where the model fails or they are not (B, classes)."""
    try:
        logits = model(inputs)
    except Exception as error:  # whatever a stranger's forward pass raises
        raise RunError(f"{entry.id} cannot take images {tuple(inputs.shape)}: {one_line(error)}") from error
    expected = (len(inputs), classes)
    if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
        raise RunError(f"{entry.id} makes {_shown(logits)} of images {tuple(inputs.shape)}, not logits {expected}")
    return logits


def try_loss(entry: Entry, loss: nn.Module, logits: Tensor) -> None:
    """Raise `RunError` unless the loss of `logits` is one number."""
    value = loss(logits.float(), torch.zeros(len(logits), dtype=torch.int64, device=logits.device))
    if not isinstance(value, Tensor) or value.ndim:
        raise RunError(f"{entry.id} returns {_shown(value)}, where the batch's mean loss, a scalar, is needed")


def _shown(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__
