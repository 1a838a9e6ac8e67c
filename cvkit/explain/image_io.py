"""Read image files in the same way as every image, or as the run's data set reads them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from ..data.decoding import MODES, decode, upright
from ..data.reduction import Needed
from ..errors import CvkitError, DataError, one_line
from ..recipe import Recipe


class Reader(Protocol):
    """Reads an image file; with `needed`, JPEG files may be decoded at a reduced size."""

    def __call__(self, path: Path, needed: Needed | None = None, /) -> Image.Image:
        """Return the image in mode L or RGB; with `needed`, as `cvkit.read_image` reduces it."""
        ...


def reader_of(recipe: Recipe, channels: int) -> Reader:
    """Return a function that reads an image file: the ``read(path)`` of the data set's factory, or `decode`.

    ``read(path)`` returns uint8 (C, H, W) in the file's own size. Its keyword-only parameters receive the data set's
    options of the same names. Any error becomes a `DataError` that names the
    file, and so does a path that is not a regular file. Raises `DataError` immediately if image files cannot have
    this number of channels.
    """
    if channels not in MODES:
        raise DataError(
            f"this run's images have {channels} channels, but image files are read with 1 or 3; omit the files to "
            "explain images of the run's test split"
        )
    readers = ((getattr(part.entry.load(), "read", None), part.options) for part in recipe.dataset.family())
    own, given = next(((read, options) for read, options in readers if read is not None), (None, {}))
    options = {} if own is None else _named(own, given)

    def read(path: Path, needed: Needed | None = None) -> Image.Image:
        if path.is_dir():
            raise DataError(f"{path}: the folder cannot be read; check its permissions")
        if not path.exists():
            raise DataError(f"{path}: there is no such file")
        if not path.is_file():  # reading a pipe or a device may never end
            raise DataError(f"{path}: is not a regular file")
        try:
            if own is None:
                return decode(path, channels, needed=needed)
            pixels = own(path, **options, **_named(own, {"needed": needed})).permute(1, 2, 0)
            return Image.fromarray(pixels.squeeze(2).numpy()).convert(MODES[channels])
        except CvkitError:
            raise
        except Exception as error:  # Pillow and data sets may raise anything for a damaged file
            raise DataError(f"{path}: cannot be read as an image: {one_line(error)}") from error

    return read


def _named(read: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the options that are keyword-only parameters of `read`."""
    named = {name for name, one in inspect.signature(read).parameters.items() if one.kind is one.KEYWORD_ONLY}
    return {name: value for name, value in options.items() if name in named}


def converted(image: Image.Image, channels: int) -> Image.Image:
    """Return an image as `cvkit.data.decoding` returns that of a file, in the mode of 1 or 3 channels.

    Raises `DataError` for another number of channels, `ValueError` where the range of the values is not known.
    """
    if channels not in MODES:
        raise DataError(f"the model's images have {channels} channels, and images are converted to 1 or 3 only")
    image.load()
    return upright(image, channels)
