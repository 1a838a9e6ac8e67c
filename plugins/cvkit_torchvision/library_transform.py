"""Build torchvision's v2 transforms from the options of a recipe."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import TYPE_CHECKING, Any

import torch
from torchvision.transforms.v2 import AutoAugmentPolicy, InterpolationMode

from cvkit import one_line, preserved_randomness

from . import transforms

if TYPE_CHECKING:
    from torchvision.transforms.v2 import Transform

    from cvkit import DataInfo

_ENUMS: dict[str, type[Enum]] = {"interpolation": InterpolationMode, "policy": AutoAugmentPolicy}


def library_transform(name: str, info: DataInfo, **options: Any) -> Transform:
    """Return ``torchvision.transforms.v2.<name>(**options)``, after a trial on one image of the data set's size.

    Args:
        name: Name of the class in ``torchvision.transforms.v2``.
        info: Channels, image size and classes of the data set.
        options: Keyword arguments of the class. Lists become tuples, and the texts of ``interpolation`` and
            ``policy`` become members of torchvision's enumerations. Without ``size``, the image size of the data set
            is used.

    Returns:
        A transform from a uint8 image (C, H, W) to one of the same type and channels; of the same size, unless the
        data set has a framing.

    Raises:
        ValueError: torchvision rejects the options or the image, or the transform changes what it must keep.
    """
    make = getattr(transforms, name)
    values = {key: _value(key, value) for key, value in options.items()}
    if values.get("inplace"):
        raise ValueError("inplace: true would overwrite the images of the data set; leave out inplace")
    if "size" in inspect.signature(make).parameters and values.get("size") is None:
        values["size"] = (info.height, info.width)
    image = torch.full((info.channels, info.height, info.width), 128, dtype=torch.uint8)
    try:
        transform: Transform = make(**values)
        with preserved_randomness():
            output: Any = transform(image)
    except Exception as error:  # torchvision passes on the errors of its checks and of torch
        given = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no options"
        reason = one_line(error)
        raise ValueError(
            f"torchvision's {name} with {given} cannot augment images of {tuple(image.shape)}: {reason}"
        ) from error
    kept = slice(0, 1 if info.framing else 3)  # a framing brings images of any size to the input size
    if output.ndim != 3 or output.shape[kept] != image.shape[kept] or output.dtype != image.dtype:
        what = "channels and type" if info.framing else "shape and type"
        raise ValueError(
            f"torchvision's {name} turns images {tuple(image.shape)} into {tuple(output.shape)} {output.dtype}; "
            f"an augmentation must keep {what}"
        )
    return transform


def _value(key: str, value: Any) -> Any:
    """Convert a `value` from a recipe to the type that torchvision expects."""
    kind = _ENUMS.get(key)
    if kind is None or not isinstance(value, str):
        return _tuples(value)
    known = [member.value for member in kind]
    if value not in known:
        raise ValueError(f"{key}: '{value}' is not one of {', '.join(known)}")
    return kind(value)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
