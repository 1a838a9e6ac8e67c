"""The canonical file: a whole image set in one safetensors file, whatever source it came from."""

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
    """An image set as published: images uint8 (N, C, H, W), labels uint8 (N,), both in official order."""

    train_images: Bytes
    train_labels: Bytes
    test_images: Bytes
    test_labels: Bytes
    classes: tuple[str, ...]

    def digests(self) -> Digests:
        """Return the SHA-256 of each part's bytes, by the part's name."""
        return {part: _sha256(np.ascontiguousarray(getattr(self, part)).data) for part in PARTS}

    def check(self, expected: Digests) -> Digests:
        """Return the digests; raise `DataError` where one is not as `expected`, or where parts do not fit."""
        for half in ("train", "test"):
            images, labels = getattr(self, f"{half}_images"), getattr(self, f"{half}_labels")
            if images.ndim != 4 or labels.shape != images.shape[:1] or not len(labels):
                raise DataError(f"{half} images {images.shape} and labels {labels.shape} do not belong together")
            if labels.max() >= len(self.classes):
                raise DataError(f"a {half} label is {labels.max()}, but there are {len(self.classes)} classes")
        digests = self.digests()
        for part, digest in expected.items():
            if digests[part] != digest:
                raise DataError(f"{part} has SHA-256 {digests[part]}, expected {digest}")
        return digests


@dataclass(frozen=True)
class Opened:
    """What a canonical file holds: the images, where they came from, their digests, and the training statistics."""

    images: ImageSet
    source: str
    digests: Digests
    mean: tuple[float, ...]
    std: tuple[float, ...]


def write(path: Path, images: ImageSet, digests: Digests, source: str) -> None:
    """Write `images` to a new file at `path` and have it on the disk on return."""
    mean, std = mean_and_std(images.train_images)
    about = json.dumps({"source": source, "classes": images.classes, "mean": mean, "std": std, "sha256": digests})
    metadata = {"format": FORMAT, "about": about, "about_sha256": _sha256(about.encode())}
    save_file({part: np.ascontiguousarray(getattr(images, part)) for part in PARTS}, path, metadata=metadata)
    path.chmod(0o644)  # a data folder may be shared; safetensors makes it the owner's alone
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def read(path: Path, expected: Digests) -> Opened:
    """Return what the canonical file at `path` holds, every byte of it verified.

    Raises `DataError` where the file is cut short, altered, of another format, or not what `expected` says.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise DataError(f"its format is {metadata.get('format')!r}, not {FORMAT!r}")
            if _sha256(metadata["about"].encode()) != metadata["about_sha256"]:
                raise DataError("its description has been altered")
            about = json.loads(metadata["about"])
            parts = {part: file.get_tensor(part).numpy() for part in PARTS}  # mapped from the file, not copied
        images = ImageSet(**parts, classes=tuple(about["classes"]))
        images.check(about["sha256"] | expected)
        mean, std = tuple(about["mean"]), tuple(about["std"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"it does not read: {error}") from error
    return Opened(images, about["source"], about["sha256"], mean, std)


def _sha256(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()
