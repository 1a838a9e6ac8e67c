"""Images that LitData or MosaicML Streaming (MDS) stored as pixels, as files in memory.

cvkit then reads them with the function that reads all image files, so transparency, 16-bit values, limits and
channels are treated in the same way. The files are uncompressed TIFF, which holds every mode and costs only a copy.
"""

from __future__ import annotations

import io
import struct

import numpy as np
from PIL import Image

from .stored_arrays import Array, array_of, is_array

_ENCODED = {"file", "jpeg", "png", "bytes", "image", "tiff", "tifffile"}
_BITS = {"1": 1, "L": 8, "LA": 16, "RGB": 24, "RGBA": 32, "CMYK": 32, "I;16": 16}
"""Pillow's modes that are read, with the bits of a pixel."""
_CHANNELS = (1, 2, 3, 4)


def is_image(kind: str) -> bool:
    """Return whether a format of LitData or MDS may contain an image that cvkit reads."""
    name = kind.partition(":")[0]
    return name in _ENCODED or name == "pil" or (is_array(kind) and not name.startswith("no_header"))


def stored_kind(kind: str) -> str:
    """Return the kind of `file_of` for a format: ``file`` if the bytes are those of an image file."""
    return "file" if kind.partition(":")[0] in _ENCODED else kind


def file_of(kind: str, content: bytes) -> bytes:
    """Return an image as the bytes of an image file.

    Of the kind ``file`` they are returned as they are. ``pil`` has width, height and mode before the pixels; other
    kinds are arrays, uint8 (H, W), (H, W, C) or (C, H, W) with 1 to 4 channels, or uint16 (H, W). Raises `ValueError`
    if there is no such image.
    """
    if kind == "file":
        return content
    stream = io.BytesIO()
    image = _of_pillow(content) if kind == "pil" else _of_array(kind, array_of(kind, content))
    image.save(stream, "TIFF")
    return stream.getvalue()


def _of_pillow(content: bytes) -> Image.Image:
    """Source: ``PILSerializer`` of LitData and ``PIL`` of MDS, which are the same."""
    try:
        width, height, length = struct.unpack_from("<III", content)
        mode = content[12 : 12 + length].decode("ascii")
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError("its bytes are not an image in the format pil") from error
    if mode not in _BITS:
        reason = "the colours of its palette are not stored" if mode in ("P", "PA") else "cvkit does not read it"
        raise ValueError(f"its mode is '{mode[:8]}', and {reason}; write the image in the mode RGB")
    pixels = content[12 + length :]
    if len(pixels) != (width * _BITS[mode] + 7) // 8 * height:  # before Pillow reserves memory for the size
        raise ValueError(
            f"it has {len(pixels):,} bytes of pixels, which do not suit {height}x{width} pixels of {mode}"
        )
    return Image.frombytes(mode, (width, height), pixels)


def _of_array(kind: str, array: Array) -> Image.Image:
    text = f"{array.dtype.name} {array.shape}"
    if array.ndim == 2 and array.dtype == np.uint16 and array.size:
        return Image.fromarray(array)
    if array.ndim not in (2, 3) or array.dtype != np.uint8 or not array.size:
        raise ValueError(
            f"it is an array {text}, and images are uint8 (H, W), (H, W, C) or (C, H, W), or uint16 (H, W)"
        )
    if array.ndim == 3:
        first, last = array.shape[0] in _CHANNELS, array.shape[2] in _CHANNELS
        if not first and not last:
            raise ValueError(f"it is an array {text} without 1 to 4 channels in the first or the last place")
        if first and (not last or kind.startswith("tensor")):  # torch puts channels first, other arrays last
            array = array.transpose(1, 2, 0)
        array = array[:, :, 0] if array.shape[2] == 1 else array
    return Image.fromarray(np.ascontiguousarray(array))
