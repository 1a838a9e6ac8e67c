"""Read image files in the same way as every image, or as the run's data set reads them."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from PIL import Image
from torch import Tensor

from ..data.decoding import MODES, read_image, tensor_of, upright
from ..data.reduction import Needed
from ..errors import CvkitError, DataError, one_line
from ..recipe import Recipe

Read = TypeVar("Read")
_CLOSED = "the folder cannot be read; check its permissions"


class Reader(Protocol):
    """Reads an image file; with `needed`, JPEG files may be decoded at a reduced size."""

    def __call__(self, path: Path, needed: Needed | None = None, /) -> Image.Image:
        """Return the image in mode L or RGB; with `needed`, as `cvkit.read_image` reduces it."""
        ...


@dataclass(frozen=True)
class FileReader:
    """Reads image files with a function that returns uint8 (C, H, W) in the file's own size.

    Any error becomes a `DataError` that names the file, and so does a path that is not a regular file.

    Attributes:
        channels: Channels of the images, 1 or 3.
        own: The function: the ``read(path)`` of a data set's factory, or `read_image`.
        options: Its keyword arguments.
    """

    channels: int
    own: Callable[..., Tensor]
    options: Mapping[str, Any]

    def __call__(self, path: Path, needed: Needed | None = None) -> Image.Image:
        """Return the image in mode L or RGB; with `needed`, as `cvkit.read_image` reduces it."""
        return self._checked(path, lambda: image_of(self._read(path, needed), self.channels))

    def pixels(self, path: Path, needed: Needed | None = None) -> Tensor:
        """Return the same pixels as uint8 (`channels`, H, W)."""

        def read() -> Tensor:
            made = self._read(path, needed)
            return made if len(made) == self.channels else tensor_of(image_of(made, self.channels))

        return self._checked(path, read)

    def _read(self, path: Path, needed: Needed | None) -> Tensor:
        return self.own(path, **self.options, **_named(self.own, {"needed": needed}))

    def _checked(self, path: Path, read: Callable[[], Read]) -> Read:
        if path.is_dir():
            reason = "is a folder, not an image file" if os.access(path, os.R_OK | os.X_OK) else _CLOSED
            raise DataError(f"{path}: {reason}")
        if not path.exists():
            raise DataError(f"{path}: there is no such file")
        if not path.is_file():  # reading a pipe or a device may never end
            raise DataError(f"{path}: is not a regular file")
        try:
            return read()
        except CvkitError:
            raise
        except Exception as error:  # Pillow and data sets may raise anything for a damaged file
            raise DataError(f"{path}: cannot be read as an image: {one_line(error)}") from error


def image_of(pixels: Tensor, channels: int) -> Image.Image:
    """Return uint8 (C, H, W) as an image in the mode of `channels`."""
    return Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).numpy()).convert(MODES[channels])


def reader_of(recipe: Recipe, channels: int) -> FileReader:
    """Return what reads an image file: the ``read(path)`` of the data set's factory, or `read_image`.

    ``read(path)`` returns uint8 (C, H, W) in the file's own size. Its keyword-only parameters receive the data set's
    options of the same names. Raises `DataError` immediately if image files cannot have this number of channels.
    """
    _require_channels(channels)
    found = dataset_reader(recipe)
    return default_reader(channels) if found is None else FileReader(channels, found.read, found.options)


@dataclass(frozen=True)
class DatasetReader:
    """How a data set reads image files.

    Attributes:
        id: The full id of the data set.
        read: The ``read(path)`` of its factory.
        options: Those of its options in the recipe that `read` names.
    """

    id: str
    read: Callable[..., Tensor]
    options: Mapping[str, Any]


def dataset_reader(recipe: Recipe) -> DatasetReader | None:
    """Return how the data set of a recipe, or the first that it contains, reads files; None for `read_image`."""
    for part in recipe.dataset.family():
        own = getattr(part.entry.load(), "read", None)
        if own is not None:
            return DatasetReader(part.entry.id, own, _named(own, part.options))
    return None


def default_reader(channels: int, *, bits: int = 16, max_megapixels: int | None = None) -> FileReader:
    """Return what reads an image file with `read_image`; raise `DataError` for another number of channels."""
    _require_channels(channels)
    options = {"channels": channels, "bits": bits, "max_megapixels": max_megapixels}
    return FileReader(channels, read_image, options)


def _require_channels(channels: int) -> None:
    """Raise `DataError` if image files cannot have this number of channels."""
    if channels not in MODES:
        raise DataError(
            f"the model's images have {channels} channels, but image files are read with 1 or 3, so the model "
            "can only be used with images of its run's data set; to use images of the test split, omit the files"
        )


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
