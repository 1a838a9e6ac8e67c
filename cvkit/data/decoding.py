"""Decode image files: the one place that decides about orientation, transparency, 16-bit values and size limits."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .image_formats import IMAGE_FORMATS
from .reduction import Needed

MODES = {1: "L", 3: "RGB"}
"""Pillow's mode of images with this number of channels."""

_READABLE = sorted(set(IMAGE_FORMATS.values()))  # a JPEG file named .png is still read
_ORIENTATION = 0x0112  # the tag in EXIF data
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = {5, 6, 7, 8}
_SCALABLE = {"JPEG", "MPO"}  # their blocks can be decoded to 4x4, 2x2 or 1x1 pixels instead of 8x8
_FACTORS = (1, 2, 4, 8)
_STRIP = 1 << 18  # bytes that are copied at once: a whole photo takes Pillow up to five times as long
_PILLOW = threading.RLock()  # its limit of pixels is global


def read_image(
    path: Path | BinaryIO,
    channels: int,
    *,
    bits: int = 16,
    max_megapixels: int | None = None,
    needed: Needed | None = None,
) -> Tensor:
    """Return the image in a file as cvkit reads every image.

    The image is rotated according to its EXIF orientation; other EXIF data is ignored. Transparent pixels are laid on
    white. 16-bit values are reduced to the upper 8 of their `bits`. Of an animation the first frame is read.

    Args:
        path: A PNG, JPEG, WebP, BMP, GIF or TIFF file, whatever its ending, or a stream with the content of one.
        channels: 1 for grey, 3 for RGB.
        bits: How many bits the values of 16-bit grey files use, 9 to 16.
        max_megapixels: Largest accepted number of pixels, in millions; None for Pillow's limit of about 89.
        needed: From the height and the width of a JPEG image to the smallest height and width of which all pixels are
            used. The image is decoded at a half, a quarter or an eighth of its size if that is not smaller.

    Returns:
        uint8 (`channels`, H, W) in the size of the file, or reduced, with the channels last in memory.

    Raises:
        ValueError: The image has too many pixels, or values of an unknown range. Pillow's errors for files that are
            damaged or contain no image pass through.
    """
    return tensor_of(decode(path, channels, bits=bits, max_megapixels=max_megapixels, needed=needed))


def tensor_of(image: Image.Image) -> Tensor:
    """Return an image of mode L or RGB as uint8 (C, H, W), with the channels last in memory."""
    width, height, channels = *image.size, len(image.getbands())
    pixels = np.empty((height, width, channels), np.uint8)
    rows = max(1, _STRIP // (width * channels))
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        pixels[top : top + rows] = np.asarray(strip).reshape(-1, width, channels)
    # A view with the channels last in memory: resizing it is three times as fast, and copying it would take as long.
    return torch.from_numpy(pixels).permute(2, 0, 1)


def decode(
    path: Path | BinaryIO,
    channels: int,
    *,
    bits: int = 16,
    max_megapixels: int | None = None,
    needed: Needed | None = None,
) -> Image.Image:
    """Return the image that `read_image` returns, as a Pillow image of mode L or RGB."""
    with opened(path, max_megapixels) as image:
        if bits < 16 and is_deep_colour(image):
            raise ValueError(
                f"it is a 16-bit colour image, of which only the upper 8 bits can be read, so bits: {bits} does not "
                "apply; save it with 8 bits per channel"
            )
        if needed is None or image.format not in _SCALABLE:
            image.load()
            return upright(image, channels, bits)
        return upright(_reduced(image, needed), channels, bits)


def _reduced(image: Image.Image, needed: Needed) -> Image.Image:
    """Return a JPEG image decoded at a half, a quarter or an eighth of its size, but not smaller than needed."""
    whole, turned = image.size, (orientation(image) or 1) in _SIDEWAYS
    height, width = needed(*(whole if turned else whole[::-1]))
    image.draft(None, (height, width) if turned else (width, height))
    image.load()
    factor = min(_FACTORS, key=lambda factor: abs(factor - whole[0] / image.width))
    # The decoder rounds up, which moves all other pixels by up to one. Rounded to the nearest, it is half a pixel.
    width, height = (max(1, (side + factor // 2) // factor) for side in whole)
    return image if (width, height) == image.size else image.crop((0, 0, width, height))


def upright(image: Image.Image, channels: int, bits: int = 16) -> Image.Image:
    """Return a loaded image of any mode upright, opaque and with 8 bits, in mode L or RGB."""
    turn = _TURNS.get(orientation(image) or 1)
    made = opaque(image if turn is None else image.transpose(turn), bits)
    return made if made.mode == MODES[channels] else made.convert(MODES[channels])  # convert always copies


@contextmanager
def opened(path: Path | BinaryIO, max_megapixels: int | None = None) -> Iterator[Image.Image]:
    """Open an image file without decoding its pixels; raise `ValueError` if it has too many."""
    with _PILLOW, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as about EXIF data that is damaged
        limit = Image.MAX_IMAGE_PIXELS if max_megapixels is None else max_megapixels * 1_000_000
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(path, formats=_READABLE) as image:
                if limit is not None and image.width * image.height > limit:
                    millions = -(-image.width * image.height // 1_000_000)
                    raise ValueError(
                        f"it has {image.width}x{image.height} pixels, above the limit of {limit:,}, which protects "
                        f"the memory; if you trust the file, set max_megapixels: {millions} for the data set"
                    )
                yield image
        finally:
            Image.MAX_IMAGE_PIXELS = before


def orientation(image: Image.Image) -> int | None:
    """Return the EXIF orientation, 1 to 8, or None if the EXIF data is damaged."""
    try:
        tags = image.getexif()
    except Exception:  # Pillow raises many kinds of errors for damaged EXIF data
        return None
    if not tags and not _is_empty(image.info.get("exif", b"")):  # a block in which Pillow found nothing
        return None
    value = tags.get(_ORIENTATION, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _is_empty(block: bytes) -> bool:
    """Return whether an EXIF block is missing, or valid and without any entry, as some programs write it."""
    content = block.removeprefix(b"Exif\0\0")
    order: dict[bytes, Literal["big", "little"]] = {b"MM\0*": "big", b"II*\0": "little"}
    if content[:4] not in order:
        return not content
    number = order[content[:4]]
    start = int.from_bytes(content[4:8], number)
    return content[start : start + 2] == b"\0\0"


def is_deep_colour(image: Image.Image) -> bool:
    """Whether an image that is opened, but not loaded, has 16 bits in each of several channels."""
    return len(image.getbands()) > 1 and any(";16" in str(part) for part in getattr(image, "tile", ()))


def opaque(image: Image.Image, bits: int = 16) -> Image.Image:
    """Return an image with 8 bits per channel, with transparent pixels laid on white."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers of unknown range")
    if image.mode.startswith("I"):
        return Image.fromarray(_eight_bits(np.asarray(image), bits))
    if image.mode in ("La", "RGBa"):  # alpha is multiplied in
        image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
    if {"A", "a"} & {*image.getbands()} or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        return white
    return image


def _eight_bits(values: np.ndarray, bits: int) -> np.ndarray:
    lowest, highest = values.min(initial=0), values.max(initial=0)
    if lowest < 0 or highest > 65_535:
        raise ValueError("its pixels are 32-bit numbers of unknown range")
    if highest >= 1 << bits:
        raise ValueError(f"its values reach {highest}, above {(1 << bits) - 1}, the largest value of bits: {bits}")
    return (values >> (bits - 8)).astype(np.uint8)
