"""Download the official CIFAR release from the address in torchvision, and read its pickle files safely."""

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

_TIMEOUT = 6  # seconds without an answer, or without data, after which a host counts as unreachable
_CHUNK = 2**18


@dataclass(frozen=True)
class Release:
    """An official release: the `url` and MD5 digest of its archive, and its files as (name in `folder`, MD5 digest).

    The `meta` file contains the class names under the key `names`.
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
        """The file name of the archive."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def files(self) -> dict[str, str]:
        """The MD5 digest of every file, by its name in the archive."""
        return {f"{self.folder}/{name}": md5 for name, md5 in (*self.train, *self.test, self.meta)}


def release(name: str) -> Release:
    """Return the release that ``torchvision.datasets.<name>``, CIFAR10 or CIFAR100, downloads."""
    try:
        import torchvision.datasets  # slow to import, and only needed for downloads
    except (ImportError, RuntimeError, OSError) as error:  # its operators do not match the installed torch
        raise DataError(f"could not import torchvision with the installed torch: {error}") from error
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
    """Return the release unpacked in `root`; raise `DataError` if a file is missing, changed or malformed."""
    try:
        return _assemble({name: (root / name).read_bytes() for name in known.files}, known)
    except OSError as error:
        raise DataError(f"{known.folder}: {error}") from error


def from_archive(path: Path, known: Release) -> ImageSet:
    """Return the release in the archive at `path`; raise `DataError` if it is damaged, changed or malformed."""
    return _assemble(read_members(path, known.files), known)


def download(known: Release, folder: Path) -> Path:
    """Download the archive to `folder` and return its path; raise `DataError` if the download is incomplete."""
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
        raise DataError(f"could not download {known.archive}: {error}") from error
    if checksum.hexdigest() != known.md5:
        raise DataError(f"{known.archive}: the download is incomplete or changed (MD5 {checksum.hexdigest()})")
    return path


def _assemble(files: dict[str, bytes], known: Release) -> ImageSet:
    for name, md5 in known.files.items():
        if hashlib.md5(files[name], usedforsecurity=False).hexdigest() != md5:
            raise DataError(f"{name} differs from the published file")
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
    """An unpickler that reads only plain Python values and NumPy arrays, and cannot call anything else."""

    _ALLOWED = {  # noqa: RUF012  # a constant
        ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it contains a reference to {module}.{name}, which is not allowed")
        return self._ALLOWED[module, name]


def _unpickle(content: bytes) -> dict[str, Any]:
    batch: dict[str, Any] = _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()  # from Python 2
    return batch
