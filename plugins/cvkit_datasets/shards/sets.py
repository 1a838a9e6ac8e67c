"""Data sets whose images are in tar shards, in a folder or in an object store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import PositiveInt

from cvkit import DataError, Splits

from ..file_split import read
from ..indexed.files import LocalShards, ShardFiles
from ..indexed.index import LISTING, PackedInput
from ..indexed.sets import opened_set
from ..options import Bits, Reading, Side
from ..samples import SplitName
from .opening import Scanning, indexed, remote
from .scan import Labelling
from .writing import pack

FramingOption = Literal["packed", "crop", "pad", "squash"]


def shards(
    root: Path,
    *,
    path: Path,
    size: Side | tuple[Side, Side] | None = None,
    framing: FramingOption | None = "packed",
    decode: Literal["full", "draft"] = "full",
    train: str = "",
    validation: str = "",
    test: str = "",
    label: Literal["cls", "txt", "json"] | None = None,
    field: str = "label",
    several_labels: bool = False,
    classes: tuple[str, ...] = (),
    on_error: Literal["fail", "skip"] = "fail",
    write_index: bool = False,
    channels: Literal[1, 3] | None = None,
    bits: Bits = 16,
    max_megapixels: PositiveInt | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Splits:
    """Return a data set of the images in the tar shards of a folder.

    `cvkit data pack` writes such a folder, with an index of the places of all images. Tar files in the WebDataset
    layout without an index are read once, and their index is kept in the cache folder. Each image is read by its
    number, so the order of training, evaluation and resuming are exact, as with image files. The bytes of each image
    are compared with their SHA-256 in the index.

    Args:
        root: The data folder.
        path: The folder with the shards. A relative path starts in the folder of the recipe, or else in the data
            folder.
        size: Height and width of the model's input in pixels, 1 to 8192: one number, or ``[height, width]``; by
            default that of the packed recipe, or 224.
        framing: How images of other sizes are brought to `size`: ``crop``, ``pad`` or ``squash``; ``null`` requires
            that every image has this size. ``packed`` uses the framing of the packed recipe, or else ``crop``.
        decode: ``draft`` decodes JPEG files at a half, a quarter or an eighth of their size if at least twice the
            framed size remains, and in training if the smallest random crop still has the input size. ``full``
            decodes every pixel.
        train: Without an index: pattern for the names of the tar files with training images, such as ``part-*.tar``.
            By default the beginning of each name decides, such as ``train-0001.tar`` or ``val-0001.tar``.
        validation: The same for validation images.
        test: The same for test images.
        label: Without an index: the ending of the file with the label of an image; by default ``cls``, else ``txt``,
            else ``json``. A label is the number or the name of a class.
        field: Without an index: the field of a JSON file with the label.
        several_labels: Whether an image may have several labels or none (multi-label). Without an index, the field
            of the JSON file is a list of names. With an index of images with one class, each has this label alone.
        classes: Without an index: the names of the classes, in the order of their numbers; by default the names are
            sorted, with 2 before 10, and numbers are their own names.
        on_error: Without an index: ``fail`` reports all damaged images and stops; ``skip`` leaves them out and lists
            them.
        write_index: Without an index: whether to write it into the folder, so that it is found on other machines.
            With an index, nothing is written, and options about splits and labels must be those with which it was
            made.
        channels: 1 reads grey images, 3 reads RGB images; by default those of the packed recipe, or 3.
        bits: How many bits the values of 16-bit grey files use, 9 to 16, such as 12.
        max_megapixels: Largest number of pixels of an image, in millions; by default Pillow's limit of about 89.
        mean: Mean of each channel for the normalisation, in [0, 1]; by default that of the packed recipe, or that of
            the pretrained network, or of ImageNet.
        std: Standard deviation of each channel for the normalisation, above 0; by default like `mean`.

    Returns:
        Training, validation and test images, uint8 (`channels`, H, W) in their own sizes, with their labels or sets
        of labels.

    Raises:
        ValueError: Options contradict each other or the shards.
        cvkit.DataError: Shards are missing, damaged or compressed, or a label cannot be read.
    """
    folder = root / path  # a run gives the absolute path
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the folder that contains the shards")
    store = LocalShards.at(folder)
    found = indexed(store)
    if found is not None:
        given: dict[str, Any] = {"train": train, "validation": validation, "test": test, "label": label}
        given |= {"field": "" if field == "label" else field, "classes": [*classes]}
        _require_same(store, found.listing.about.get("options"), given)
    else:
        patterns: dict[SplitName, str] = {"train": train, "validation": validation, "test": test}
        labelling = Labelling(label, field, several_labels)
        scanning = Scanning(folder, patterns, labelling, classes, on_error == "skip", max_megapixels)
        found = scanning.index(write_index)
    reading = _reading(found.listing.input, size, framing, decode, channels, bits, max_megapixels, mean, std)
    return opened_set(store, found, reading, several_labels)


def remote_shards(
    root: Path,
    *,
    url: str,
    size: Side | tuple[Side, Side] | None = None,
    framing: FramingOption | None = "packed",
    decode: Literal["full", "draft"] = "full",
    several_labels: bool = False,
    channels: Literal[1, 3] | None = None,
    bits: Bits = 16,
    max_megapixels: PositiveInt | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Splits:
    """Return a data set of the images in the tar shards of an object store or a web server.

    fsspec reads the store, which may need another package, such as s3fs for ``s3://``. The shards need the index that
    `cvkit data pack` writes, and the store must answer requests for a range of bytes. An image is one request, so set
    `train.workers` to more than the cores of the machine. Nothing is kept on the disk; `train.cache: disk` does that.

    Args:
        root: The data folder; it is not used.
        url: The folder of the shards, such as ``s3://bucket/folder``.
        size: As for `shards`.
        framing: As for `shards`.
        decode: As for `shards`.
        several_labels: Whether an image may have several labels or none (multi-label).
        channels: As for `shards`.
        bits: As for `shards`.
        max_megapixels: As for `shards`.
        mean: As for `shards`.
        std: As for `shards`.

    Returns:
        Training, validation and test images, as for `shards`.

    Raises:
        ValueError: Options contradict each other or the shards.
        cvkit.DataError: The store cannot be read, or it has no index or no ranges of bytes.
    """
    if "://" not in url or "::" in url:
        raise ValueError(f"url must be one address such as s3://bucket/folder, but it is '{url}'")
    store, found = remote(url)
    reading = _reading(found.listing.input, size, framing, decode, channels, bits, max_megapixels, mean, std)
    return opened_set(store, found, reading, several_labels)


def _require_same(store: ShardFiles, scanned: Any, given: dict[str, Any]) -> None:
    """Raise `ValueError` if the recipe gives an option about splits and labels that the index was not made with.

    `scanned` is what the index has about these options: those with which it was made, or None after packing.
    """
    held = scanned if isinstance(scanned, dict) else {}
    wrong = [name for name, value in given.items() if value and held.get(name) != value]
    if wrong:
        raise ValueError(
            f"path has an index, {store.where(LISTING)}, that decides about splits and labels and was not made with "
            f"the same {', '.join(wrong)}; remove {'this option' if len(wrong) == 1 else 'these options'}"
            + (f", or remove {LISTING}, so that the shards are indexed again" if held else "")
        )


def _reading(
    packed: PackedInput | None,
    size: int | tuple[int, int] | None,
    framing: FramingOption | None,
    decode: Literal["full", "draft"],
    channels: int | None,
    bits: int,
    max_megapixels: int | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
) -> Reading:
    """Return how images are read: by the options, else as before they were packed, else as `image_folder` does."""
    same = packed is not None and channels in (None, packed.channels)
    if packed is not None:
        size = packed.size if size is None else size
        channels = packed.channels if channels is None else channels
        framing = packed.framing if framing == "packed" else framing
        if same and packed.fixed_normalisation and mean is None and std is None:
            mean, std = packed.mean, packed.std
    framing = "crop" if framing == "packed" else framing
    return Reading(size or 224, framing, decode, channels or 3, bits, max_megapixels, "fail", mean, std)


shards.read = remote_shards.read = read  # type: ignore[attr-defined]  # `cvkit explain` reads other images with it
shards.pack = pack  # type: ignore[attr-defined]  # `cvkit data pack` writes with it
