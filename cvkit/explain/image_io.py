"""Image files read however they were saved, or as the run's data set reads them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import CvkitError, DataError, one_line
from ..recipe import Recipe
from .image_files import FORMATS

_READABLE = sorted(set(FORMATS.values()))  # a JPEG called .png is still an image
_MODES = {1: "L", 3: "RGB"}
Reader = Callable[[Path], Image.Image]


def reader_of(recipe: Recipe, channels: int) -> Reader:
    """Return what reads an image file for a run: its data set's own ``read(path)`` where the factory has one.

    That returns uint8 (C, H, W) of whatever size the file has. Otherwise it is `read_image`. Whatever either raises
    becomes a `DataError` naming the file, and so does what is not a regular file. Raises `DataError` at once for
    channels that image files do not have.
    """
    if channels not in _MODES:
        raise DataError(
            f"this run's images have {channels} channels, and image files are read as 1 or 3; leave out the files to "
            "explain images of the run's own test split"
        )
    own = getattr(recipe.dataset.entry.load(), "read", None)

    def read(path: Path) -> Image.Image:
        if path.is_dir():
            raise DataError(f"{path}: is a folder that cannot be looked into")
        if not path.is_file():  # a pipe may never end, nor a device
            raise DataError(f"{path}: is not a regular file")
        try:
            if own is None:
                return read_image(path, _MODES[channels])
            return Image.fromarray(own(path).permute(1, 2, 0).squeeze(2).numpy()).convert(_MODES[channels])
        except CvkitError:
            raise
        except Exception as error:  # Pillow's decoders raise what they please on damaged files, and so may strangers
            raise DataError(f"{path}: cannot be read as an image: {one_line(error)}") from error

    return read


def read_image(path: Path, mode: str) -> Image.Image:
    """Return the image at `path` upright, in `mode`, which is RGB or L.

    What is transparent is laid on white; of 16 bits the upper 8 are kept; of several frames the first. Raises
    `ValueError` where the range of its values is not known, and whatever Pillow raises where the file is no image, is
    damaged, or is larger than Pillow's bound for decompression bombs (about 89 million pixels).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=_READABLE) as image:
            return _opaque(ImageOps.exif_transpose(image)).convert(mode)


def converted(image: Image.Image, channels: int) -> Image.Image:
    """Return an image as `read_image` returns that of a file, in the mode of 1 or 3 channels.

    Raises `DataError` for another number of channels, `ValueError` where the range of the values is not known.
    """
    if channels not in _MODES:
        raise DataError(f"the model's images have {channels} channels, and images are converted to 1 or 3 only")
    return _opaque(ImageOps.exif_transpose(image)).convert(_MODES[channels])


def _opaque(image: Image.Image) -> Image.Image:
    """Return an image of 8 bits a channel, without transparency."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers, whose range is not known")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min(initial=0) < 0 or values.max(initial=0) > 65_535:
            raise ValueError("its pixels are 32-bit numbers, whose range is not known")
        return Image.fromarray((values >> 8).astype(np.uint8))
    if {"A", "a"} & {*image.getbands()} or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        return white
    return image
