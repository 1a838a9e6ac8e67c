"""Images of every form that Python users have, as pictures for a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..data.splits import DataInfo
from ..errors import DataError
from ..explain.image_io import Reader, converted
from ..explain.picture import Picture, fit, fit_file

ImageLike = str | os.PathLike[str] | Image.Image | Tensor | np.ndarray[Any, Any]
SINGLE = (str, bytes, os.PathLike, Image.Image, Tensor, np.ndarray)
"""Types that are one image, or a mistake, and not several images."""
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def picture_of(image: ImageLike, name: str, read: Reader, info: DataInfo) -> Picture:
    """Return an image as a picture; `name` is used for an image that is not a file, and `read` reads a file.

    Raises `TypeError` for another type or dtype, `ValueError` for a shape that is not an image of the model's
    channels, and `DataError` for a file that cannot be read.
    """
    if isinstance(image, str | os.PathLike):
        path = Path(image).expanduser()
        if path.is_dir():
            raise DataError(
                f"{path}: is a folder; give the paths of its images as a list, or predict them with "
                f"model.predict_files({str(image)!r})"
            )
        return fit_file(path, read, info)
    if isinstance(image, np.ndarray):
        image = _of_array(image, name, info.channels)
    if isinstance(image, Tensor):
        _require_uint8(str(image.dtype).removeprefix("torch."), name)
        if image.ndim != 3 or image.shape[0] != info.channels:
            raise _other_shape(name, "a tensor", tuple(image.shape), f"({info.channels}, H, W)")
        _require_pixels(image.shape[1:], name)
        if image.shape[1:] == (info.height, info.width):
            return Picture(name, image.cpu(), image.cpu())
        image = Image.fromarray(image.cpu().permute(1, 2, 0).squeeze(2).numpy())
    if not isinstance(image, Image.Image):
        kind = type(image).__name__
        raise TypeError(f"{name} is of type {kind}; expected a path, a PIL image, a tensor or an array")
    _require_pixels(image.size, name)
    try:
        return fit(name, converted(image, info.channels), info)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _of_array(array: np.ndarray[Any, Any], name: str, channels: int) -> Tensor | Image.Image:
    """Return an array (H, W) or (H, W, C) as a tensor if it has the model's channels, otherwise as a PIL image."""
    _require_uint8(str(array.dtype), name)
    grey = array[..., None] if array.ndim == 2 else array
    if grey.ndim != 3 or grey.shape[2] not in (channels, *_MODES):
        raise _other_shape(name, "an array", array.shape, f"(H, W, {channels}) or (H, W)")
    _require_pixels(grey.shape[:2], name)
    if grey.shape[2] == channels:
        return torch.from_numpy(np.array(grey)).permute(2, 0, 1)
    return Image.fromarray(np.ascontiguousarray(grey.squeeze(2) if grey.shape[2] == 1 else grey))


def _require_uint8(dtype: str, name: str) -> None:
    if dtype != "uint8":
        raise TypeError(f"{name} is {dtype}; expected uint8 with values from 0 to 255")


def _require_pixels(size: tuple[int, ...], name: str) -> None:
    if 0 in size:
        raise ValueError(f"{name} has no pixels")


def _other_shape(name: str, kind: str, shape: tuple[int, ...], expected: str) -> ValueError:
    batch = "; give a batch as a list: list(batch)" if len(shape) == 4 else ""
    return ValueError(f"{name} has the shape {shape}; expected {kind} {expected}{batch}")
