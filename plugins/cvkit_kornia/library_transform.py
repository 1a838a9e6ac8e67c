"""Build Kornia's own augmentations from the options of a recipe."""

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
    """Return ``kornia.augmentation.<name>(**options)``, after a trial on two images of the data set's size.

    Args:
        name: Name of the class in ``kornia.augmentation``.
        info: Channels, image size and classes of the data set.
        options: Keyword arguments of the class; lists become tuples.

    Returns:
        An augmentation of float images (B, C, H, W).

    Raises:
        ValueError: Kornia rejects the options or the images, or the number of channels changes.
    """
    try:
        make: Callable[..., AugmentationBase2D] = getattr(kornia.augmentation, name)
        augmentation = make(**{key: _tuples(value) for key, value in options.items()})
        with preserved_randomness():
            output = augmentation(torch.full((2, info.channels, info.height, info.width), 0.5))
    except Exception as error:  # Kornia passes on the errors of its checks and of torch
        given = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no options"
        reason = one_line(error)
        raise ValueError(
            f"Kornia's {name} with {given} cannot augment images of "
            f"{info.channels}x{info.height}x{info.width}: {reason}"
        ) from error
    if output.ndim != 4 or output.shape[1] != info.channels:
        raise ValueError(
            f"Kornia's {name} turns images of {info.channels} channels into {tuple(output.shape[1:])}, "
            f"which a model for this data set does not accept"
        )
    return augmentation


def _tuples(value: Any) -> Any:
    """Return `value` with every list, also nested, as a tuple, because Kornia expects ranges and sizes as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
