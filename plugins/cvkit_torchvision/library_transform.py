"""torchvision's v2 transforms, made from the values a recipe can hold."""

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
    """Return ``torchvision.transforms.v2.<name>(**options)``, tried on one image of the data set's size.

    Lists become tuples, and the text of ``interpolation`` and ``policy`` the enumeration's member. A ``size`` is the
    data set's unless it is given. Raises `ValueError` where torchvision refuses the options or the image, or where
    the image would not keep its shape and type.
    """
    make = getattr(transforms, name)
    values = {key: _value(key, value) for key, value in options.items()}
    if values.get("inplace"):
        raise ValueError("inplace: true would write into the data set's own images")
    if "size" in inspect.signature(make).parameters and values.get("size") is None:
        values["size"] = (info.height, info.width)
    image = torch.full((info.channels, info.height, info.width), 128, dtype=torch.uint8)
    try:
        transform: Transform = make(**values)
        with preserved_randomness():
            output: Any = transform(image)
    except Exception as error:  # torchvision raises whatever its checks, torch or Python happen to raise
        given = ", ".join(f"{key}={value!r}" for key, value in options.items()) or "no options"
        reason = one_line(error)
        raise ValueError(
            f"torchvision's {name} with {given} cannot augment images of {tuple(image.shape)}: {reason}"
        ) from error
    if output.shape != image.shape or output.dtype != image.dtype:
        raise ValueError(
            f"torchvision's {name} turns images {tuple(image.shape)} into {tuple(output.shape)} {output.dtype}; "
            "an augmentation keeps shape and type"
        )
    return transform


def _value(key: str, value: Any) -> Any:
    """Return a recipe's `value` as torchvision wants it."""
    kind = _ENUMS.get(key)
    if kind is None or not isinstance(value, str):
        return _tuples(value)
    known = [member.value for member in kind]
    if value not in known:
        raise ValueError(f"{key}: '{value}' is none of {', '.join(known)}")
    return kind(value)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
