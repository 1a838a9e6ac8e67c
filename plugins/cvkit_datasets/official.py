"""CIFAR's official release: where torchvision knows it to be, and how to read its pickles without trusting them."""

from __future__ import annotations

import hashlib
import http.client
import io
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np

from cvkit import DataError

from .archives import read_members
from .canonical import Bytes, ImageSet
from .progress import stage

_TIMEOUT = 6  # seconds without an answer, or without a byte, after which a host counts as out of reach
_CHUNK = 2**18


@dataclass(frozen=True)
class Release:
    """An official release: the archive's `url` and MD5, and its files as (name in `folder`, MD5).

    The `meta` file lists the class names under the key `names`.
    """

    url: str
    md5: str
    folder: str
    train: tuple[tuple[str, str], ...]
    test: tuple[tuple[str, str], ...]
    meta: tuple[str, str]
    names: str

    @property
    def archive(self) -> str:
        """The archive's file name."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def files(self) -> dict[str, str]:
        """The MD5 of every file, by its name in the archive."""
        return {f"{self.folder}/{name}": md5 for name, md5 in (*self.train, *self.test, self.meta)}


def release(name: str) -> Release:
    """Return the release that ``torchvision.datasets.<name>``, CIFAR10 or CIFAR100, downloads."""
    try:
        import torchvision.datasets  # heavy, and wanted only to fetch
    except (ImportError, RuntimeError, OSError) as error:  # operators that do not fit the installed torch
        raise DataError(f"torchvision does not load beside the installed torch: {error}") from error
    known = getattr(torchvision.datasets, name)
    return Release(
        url=known.url,
        md5=known.tgz_md5,
        folder=known.base_folder,
        train=tuple(map(tuple, known.train_list)),
        test=tuple(map(tuple, known.test_list)),
        meta=(known.meta["filename"], known.meta["md5"]),
        names=known.meta["key"],
    )


def from_folder(root: Path, known: Release) -> ImageSet:
    """Return the release unpacked in `root`; raise `DataError` where a file is missing, altered or malformed."""
    try:
        return _assemble({name: (root / name).read_bytes() for name in known.files}, known)
    except OSError as error:
        raise DataError(f"{known.folder}: {error}") from error


def from_archive(path: Path, known: Release) -> ImageSet:
    """Return the release in the archive at `path`; raise `DataError` where it is damaged, altered or malformed."""
    return _assemble(read_members(path, known.files), known)


def download(known: Release, folder: Path) -> Path:
    """Download the archive into `folder` and return its path; raise `DataError` where it does not come whole."""
    path = folder / known.archive
    checksum = hashlib.md5(usedforsecurity=False)
    request = Request(known.url, headers={"User-Agent": "cvkit"})  # noqa: S310  # the URL is torchvision's constant
    try:
        with (
            urlopen(request, timeout=_TIMEOUT) as response,  # noqa: S310  # as above
            path.open("wb") as file,
            stage(f"Downloading {known.archive}", response.length) as advance,
        ):
            while chunk := response.read(_CHUNK):
                checksum.update(chunk)
                file.write(chunk)
                advance(len(chunk))
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"{known.archive} could not be downloaded: {error}") from error
    if checksum.hexdigest() != known.md5:
        raise DataError(f"{known.archive}: the download is cut short or altered (MD5 {checksum.hexdigest()})")
    return path


def _assemble(files: dict[str, bytes], known: Release) -> ImageSet:
    for name, md5 in known.files.items():
        if hashlib.md5(files[name], usedforsecurity=False).hexdigest() != md5:
            raise DataError(f"{name} is not the published file")
    try:
        train = [_batch(files[f"{known.folder}/{name}"]) for name, _ in known.train]
        test = [_batch(files[f"{known.folder}/{name}"]) for name, _ in known.test]
        names = _unpickle(files[f"{known.folder}/{known.meta[0]}"])[known.names]
        (train_images, train_labels), (test_images, test_labels) = (
            map(np.concatenate, zip(*batches, strict=True)) for batches in (train, test)
        )
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{known.folder} is malformed: {error}") from error
    return ImageSet(train_images, train_labels, test_images, test_labels, tuple(names))


def _batch(content: bytes) -> tuple[Bytes, Bytes]:
    """Return the images (N, 3, 32, 32) and labels (N,) of one pickled batch."""
    batch = _unpickle(content)
    labels = batch["labels"] if "labels" in batch else batch["fine_labels"]
    return batch["data"].reshape(-1, 3, 32, 32), np.asarray(labels, dtype=np.uint8)


class _ArrayUnpickler(pickle.Unpickler):
    """Reads Python's plain values and NumPy arrays, and can call nothing else."""

    _ALLOWED = {  # noqa: RUF012  # a constant
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self._ALLOWED[module, name]


def _unpickle(content: bytes) -> dict[str, Any]:
    batch: dict[str, Any] = _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()  # from Python 2
    return batch
