"""The canonical file format: a complete image set in one safetensors file, independent of its source."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cvkit import DataError

from .channels import mean_and_std

Bytes = NDArray[np.uint8]
Digests = dict[str, str]
FORMAT = "cvkit-image-set-1"
PARTS = ("train_images", "train_labels", "test_images", "test_labels")


@dataclass(frozen=True)
class ImageSet:
    """A published image set: images uint8 (N, C, H, W) and labels uint8 (N,) in the official order."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    classes: tuple[str, ...]

    def digests(self) -> Digests:
        """Return the SHA-256 digest of the bytes of each part, by its name."""
        return {part: _sha256(np.ascontiguousarray(getattr(self, part)).data) for part in PARTS}

    def check(self, expected: Digests) -> Digests:
        """Return the digests; raise `DataError` if one differs from `expected` or if the parts are inconsistent."""
        for half in ("train", "test"):
            images, labels = getattr(self, f"{half}_images"), getattr(self, f"{half}_labels")
            if images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
                raise DataError(f"{half} images of shape {images.shape} do not match labels of shape {labels.shape}")
            if labels.max() >= len(self.classes):
                raise DataError(f"a {half} label is {labels.max()}, but there are only {len(self.classes)} classes")
        digests = self.digests()
        for part, digest in expected.items():
            if digests[part] != digest:
                raise DataError(f"{part} has the SHA-256 digest {digests[part]}, expected {digest}")
        return digests


@dataclass(frozen=True)
class Opened:
    """The content of a canonical file: the images, their source and digests, and the training statistics."""

    images: ImageSet
    source: str
    digests: Digests
    mean: tuple[float, ...]
    std: tuple[float, ...]


def write(path: Path, images: ImageSet, digests: Digests, source: str) -> None:
    """Write `images` to a new file at `path` and flush it to disk."""
    mean, std = mean_and_std(images.train_images)
    about = json.dumps({"source": source, "classes": images.classes, "mean": mean, "std": std, "sha256": digests})
    metadata = {"format": FORMAT, "about": about, "about_sha256": _sha256(about.encode())}
    save_file({part: np.ascontiguousarray(getattr(images, part)) for part in PARTS}, path, metadata=metadata)
    path.chmod(0o644)  # a data folder may be shared, but only the owner can read the files of safetensors
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def read(path: Path, expected: Digests) -> Opened:
    """Return the content of the canonical file at `path` after verifying every byte.

    Raises `DataError` if the file is truncated, changed, in another format, or differs from the `expected` digests.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DataError(f"its format is {metadata.get('format')!r}, not {FORMAT!r}")
            if _sha256(metadata["about"].encode()) != metadata["about_sha256"]:
                raise DataError("its description was changed")
            about = json.loads(metadata["about"])
            parts = {part: file.get_tensor(part).numpy() for part in PARTS}  # memory-mapped, not copied
        images = ImageSet(**parts, classes=tuple(about["classes"]))
        images.check(about["sha256"] | expected)
        mean, std = tuple(about["mean"]), tuple(about["std"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"it could not be read: {error}") from error
    return Opened(images, about["source"], about["sha256"], mean, std)


def _sha256(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()
