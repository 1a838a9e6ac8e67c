"""Read image files with Pillow, or as the run's data set reads them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ..errors import CvkitError, DataError, one_line
from ..recipe import Recipe
from .image_files import FORMATS

_READABLE = sorted(set(FORMATS.values()))  # a JPEG named .png is still read
_MODES = {1: "L", 3: "RGB"}
Reader = Callable[[Path], Image.Image]


def reader_of(recipe: Recipe, channels: int) -> Reader:
    """Return a function that reads an image file: the ``read(path)`` of the data set's factory, or `read_image`.

    ``read(path)`` returns uint8 (C, H, W) in the file's own size. Any error becomes a `DataError` that names the
    file, and so does a path that is not a regular file. Raises `DataError` immediately if image files cannot have
    this number of channels.
    """
    if channels not in _MODES:
        raise DataError(
            f"this run's images have {channels} channels, but image files are read with 1 or 3; omit the files to "
            "explain images of the run's test split"
        )
    own = getattr(recipe.dataset.entry.load(), "read", None)

    def read(path: Path) -> Image.Image:
        if path.is_dir():
            raise DataError(f"{path}: the folder cannot be read; check its permissions")
        if not path.exists():
            raise DataError(f"{path}: there is no such file")
        if not path.is_file():  # reading a pipe or a device may never end
            raise DataError(f"{path}: is not a regular file")
        try:
            if own is None:
                return read_image(path, _MODES[channels])
            return Image.fromarray(own(path).permute(1, 2, 0).squeeze(2).numpy()).convert(_MODES[channels])
        except CvkitError:
            raise
        except Exception as error:  # Pillow and data sets may raise anything for a damaged file
            raise DataError(f"{path}: cannot be read as an image: {one_line(error)}") from error

    return read


def read_image(path: Path, mode: str) -> Image.Image:
    """Return the image at `path` in `mode`, RGB or L, rotated as its EXIF data requires.

    Transparent pixels become white. 16-bit values are reduced to their upper 8 bits. Only the first frame is read.
    Raises `ValueError` if the range of the values is unknown. Pillow's errors pass through: the file is not an image,
    is damaged, or has more pixels than Pillow's limit against decompression bombs (about 89 million).
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
    """Return an image with 8 bits per channel and without transparency."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min(initial=0) < 0 or values.max(initial=0) > 65_535:
            raise ValueError("its pixels are 32-bit numbers of unknown range")
        return Image.fromarray((values >> 8).astype(np.uint8))
    if {"A", "a"} & {*image.getbands()} or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        return white
    return image
