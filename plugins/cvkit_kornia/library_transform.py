"""Kornia's own augmentations, made from the values a recipe can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kornia.augmentation
import torch

from cvkit import one_line, preserved_randomness

if TYPE_CHECKING:
    from collections.abc import Callable

    from kornia.augmentation import AugmentationBase2D

    from cvkit import DataInfo


def library_transform(name: str, info: DataInfo, **options: Any) -> AugmentationBase2D:
    """Return ``kornia.augmentation.<name>(**options)``, lists as tuples, tried on two images of the data set's size.

    Raises `ValueError` where Kornia refuses the options or the images.
    """
    try:
        make: Callable[..., AugmentationBase2D] = getattr(kornia.augmentation, name)
        augmentation = make(**{key: _tuples(value) for key, value in options.items()})
        with preserved_randomness():
            output = augmentation(torch.full((2, info.channels, info.height, info.width), 0.5))
    except Exception as error:  # Kornia raises whatever its checks, torch or Python happen to raise
        given = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no options"
        reason = one_line(error)
        raise ValueError(
            f"kornia's {name} with {given} cannot augment images of "
            f"{info.channels}x{info.height}x{info.width}: {reason}"
        ) from error
    if output.ndim != 4 or output.shape[1] != info.channels:
        raise ValueError(
            f"kornia's {name} turns images of {info.channels} channels into {tuple(output.shape[1:])}, "
            f"which a model for this data set cannot take"
        )
    return augmentation


def _tuples(value: Any) -> Any:
    """Return `value` with every list, however deep, as a tuple: what Kornia's checks expect of ranges and sizes."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
