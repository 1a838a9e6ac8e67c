"""Decoding image files that may be damaged or hostile."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from PIL import Image

from cvkit import DataError


def decode(source: Path | IO[bytes], name: str, formats: Sequence[str]) -> Image.Image:
    """Return the image in `source`, its pixels loaded; `formats` are the only ones it may be in.

    Raises `DataError` that calls it `name` where it is of another format, damaged, or larger than Pillow's bound
    for decompression bombs (about 89 million pixels).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(source, formats=list(formats))
            image.load()
    except Exception as error:  # Pillow's decoders raise what they please on damaged files
        raise DataError(f"{name}: cannot be read as an image ({' or '.join(formats)}): {error}") from error
    return image
