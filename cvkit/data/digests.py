"""Digests of images, by which the same image is recognised on another machine or in another data set."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .splits import Split, TensorSplit

_THREADS = min(16, 2 * (os.cpu_count() or 1))  # hashing and reading release the global interpreter lock


def file_digest(path: Path) -> str:
    """Return the SHA-256 of the bytes of a regular file, in hexadecimal; empty if it cannot be read."""
    try:
        if not path.is_file():  # reading a pipe or a device may never end
            return ""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def digests_of(split: Split) -> Sequence[str] | None:
    """Return the digest of each image of a split; None if they are neither in memory nor in files of their own.

    A split may have them as `digests`. The digest of a file is that of its bytes. For images in memory, it is the
    SHA-256 of the uint8 pixels (C, H, W) in this order.
    """
    if isinstance(split, TensorSplit):
        pixels = split.images.cpu().contiguous().numpy()
        return tuple(hashlib.sha256(memoryview(image)).hexdigest() for image in pixels)
    given: Sequence[str] | None = getattr(split, "digests", None)
    if given is not None and len(given) == len(split):
        return given
    files: Sequence[Path] | None = getattr(split, "files", None)
    if files is None or len(files) != len(split):
        return None
    with ThreadPoolExecutor(_THREADS) as threads:
        return tuple(threads.map(file_digest, files, chunksize=1))
