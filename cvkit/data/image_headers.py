"""Read what the header of an image file says, and find files that end early without decoding all files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from .decoding import decode, is_deep_colour, opened, orientation

_ANIMATED = {"GIF", "PNG", "TIFF", "WEBP"}  # a photo of a phone may hold a second picture, which is no animation
_ENDS = {"JPEG": b"\xff\xd9", "MPO": b"\xff\xd9", "PNG": b"IEND"}
_TAIL = 4096  # bytes; some programs append data after the end of the image
_OFFSETS = ((273, 279), (324, 325))  # TIFF tags: where strips or tiles begin, and how many bytes they have


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image file says.

    Attributes:
        height: Height in pixels, after the image is rotated according to its EXIF orientation.
        width: Width in pixels, likewise.
        grey: Whether the image has one channel.
        deep: Whether the values have 16 bits.
        animated: Whether it has more than one frame or page.
        exif_damaged: Whether its EXIF data could not be parsed.
    """

    height: int
    width: int
    grey: bool
    deep: bool
    animated: bool
    exif_damaged: bool


def read_header(path: Path | BinaryIO, *, max_megapixels: int | None = None) -> ImageHeader:
    """Return what the header of an image file says, and find most damage.

    The pixels are decoded only if the end of the file looks as if something were missing.

    Args:
        path: The image file, or a stream with its content.
        max_megapixels: As for `read_image`.

    Returns:
        Size and properties of the image.

    Raises:
        ValueError: As for `read_image`. Pillow's errors for files that are damaged or contain no image pass through.
    """
    with opened(path, max_megapixels) as image:
        turned = orientation(image)
        height, width = (image.width, image.height) if (turned or 1) > 4 else (image.height, image.width)
        if image.format == "TIFF":  # Pillow's size of a TIFF file is that of the turned image
            height, width = image.height, image.width
        if image.mode == "F":
            raise ValueError("its pixels are floating-point numbers of unknown range")
        header = ImageHeader(
            height,
            width,
            grey=image.mode in ("1", "L") or image.mode.startswith("I"),
            deep=image.mode.startswith("I") or is_deep_colour(image),
            animated=image.format in _ANIMATED and bool(getattr(image, "is_animated", False)),
            exif_damaged=turned is None,
        )
        if _looks_cut(path, image):
            image.load()
        return header


def largest_value(path: Path, *, max_megapixels: int | None = None) -> int:
    """Return the largest value of a 16-bit image, 0 to 65535; colour counts in steps of 256.

    Args:
        path: The image file.
        max_megapixels: As for `read_image`.
    """
    with opened(path, max_megapixels) as image:
        if not is_deep_colour(image):
            return int(np.asarray(image).max(initial=0))
    return int(np.asarray(decode(path, 3, max_megapixels=max_megapixels)).max(initial=0)) << 8


@contextmanager
def _content(path: Path | BinaryIO) -> Iterator[BinaryIO]:
    """Yield a stream from the beginning of the file; a stream that was given stays open."""
    if isinstance(path, Path):
        with path.open("rb") as stream:
            yield stream
        return
    before = path.tell()
    yield path
    path.seek(before)  # Pillow may not have read the pixels


def _looks_cut(path: Path | BinaryIO, image: Image.Image) -> bool:
    with _content(path) as stream:
        return _ends_early(stream, image)


def _ends_early(stream: BinaryIO, image: Image.Image) -> bool:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    kind = image.format or ""
    if kind == "TIFF":
        tags = getattr(image, "tag_v2", {})
        parts = [(tags[start], tags[count]) for start, count in _OFFSETS if start in tags and count in tags]
        return any(
            start + count > size for starts, counts in parts for start, count in zip(starts, counts, strict=False)
        )
    if kind == "WEBP":
        return int.from_bytes(stream.read(8)[4:], "little") + 8 > size
    if kind == "BMP":
        return int.from_bytes(stream.read(6)[2:], "little") > size
    stream.seek(max(0, size - _TAIL))
    tail = stream.read()
    return not tail.endswith(b";") if kind == "GIF" else _ENDS.get(kind, b"") not in tail
