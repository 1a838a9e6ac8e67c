"""Decode image files that may be damaged or malicious."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from PIL import Image

from cvkit import DataError


def decode(source: Path | IO[bytes], name: str, formats: Sequence[str]) -> Image.Image:
    """Return the decoded image in `source`, which must be in one of `formats`.

    Raises `DataError` with its `name` if the image has another format, is damaged, or is larger than Pillow's limit
    against decompression bombs (about 89 million pixels).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(source, formats=list(formats))
            image.load()
    except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
        raise DataError(f"could not read {name} as an image ({' or '.join(formats)}): {error}") from error
    return image
