"""Data sets that LitData or MosaicML Streaming (MDS) wrote, in a folder or in an object store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import PositiveInt

from cvkit import DataError, Splits

from ..file_split import read
from ..indexed.files import LocalShards, RemoteShards
from ..indexed.sets import opened_set
from ..options import Bits, FramingName, Reading, Side
from ..samples import SplitName
from .fields import FieldNames
from .opening import ChunkOptions, Chunks


def litdata(
    root: Path,
    *,
    path: Path,
    image: str | None = None,
    label: str | None = None,
    names: str | None = None,
    size: Side | tuple[Side, Side] = 224,
    framing: FramingName | None = "crop",
    decode: Literal["full", "draft"] = "full",
    train: str = "",
    validation: str = "",
    test: str = "",
    several_labels: bool = False,
    classes: tuple[str, ...] = (),
    on_error: Literal["fail", "skip"] = "fail",
    write_index: bool = False,
    channels: Literal[1, 3] = 3,
    bits: Bits = 16,
    max_megapixels: PositiveInt | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Splits:
    """Return a data set of the images that LitData or MosaicML Streaming wrote into a folder.

    The folder has a folder for each split with the ``index.json`` and the chunks of ``litdata.optimize``, or with
    those of MosaicML Streaming (MDS). The chunks are read once, and an index of the images is kept in the cache
    folder. Each image is then read by its number, so the order of training, evaluation and resuming are exact, as
    with image files. The bytes of each image are compared with their SHA-256 in the index. Compressed and encrypted
    chunks are refused, and so are pickled labels, because reading them would run code from the data.

    Args:
        root: The data folder.
        path: The folder with the splits. A relative path starts in the folder of the recipe, or else in the data
            folder.
        image: Field with the image: an image file (JPEG, PNG, bytes), an image of Pillow, or pixels uint8 (H, W),
            (H, W, C) or (C, H, W); by default the field ``image``, ``img``, ``jpg``, ``jpeg``, ``png`` or ``x``, else
            the only field with an image. Fields within others are named with dots, and those of a tuple by number.
        label: Field with the number or the name of the class; by default the field ``label``, ``class``, ``target``,
            ``category``, ``labels``, ``cls``, ``index`` or ``y``, else the only field that may be a label.
        names: Field with a name for each image, such as the path of its file; by default an image is called by its
            split and number, such as ``train/00017``.
        size: Height and width of the model's input in pixels, 1 to 8192: one number, or ``[height, width]``.
        framing: How images of other sizes are brought to `size`: ``crop``, ``pad`` or ``squash``; ``null`` requires
            that every image has this size.
        decode: ``draft`` decodes JPEG files at a half, a quarter or an eighth of their size if at least twice the
            framed size remains, and in training if the smallest random crop still has the input size. ``full``
            decodes every pixel.
        train: Folder of the training images below `path`; by default ``train``.
        validation: Folder of the validation images; by default ``val``, ``valid`` or ``validation``.
        test: Folder of the test images; by default ``test``.
        several_labels: Whether an image may have several labels or none (multi-label): the field is a list of numbers
            or names, or an array with 0 or 1 for each class. An image with one class has this label alone.
        classes: The names of the classes, in the order of their numbers; by default the names are sorted, with 2
            before 10, and numbers are their own names.
        on_error: ``fail`` reports all samples that cannot be used and stops; ``skip`` leaves them out and lists them.
        write_index: Whether to write the index into the folder ``cvkit-index`` below `path`, so that it is found on
            other machines. Nothing is written if the index there is of these files and options.
        channels: 1 reads grey images, 3 reads RGB images.
        bits: How many bits the values of 16-bit grey images use, 9 to 16, such as 12.
        max_megapixels: Largest number of pixels of an image, in millions; by default Pillow's limit of about 89.
        mean: Mean of each channel for the normalisation, in [0, 1]; by default that of the pretrained network, or of
            ImageNet.
        std: Standard deviation of each channel for the normalisation, above 0; by default that of the pretrained
            network, or of ImageNet.

    Returns:
        Training, validation and test images, uint8 (`channels`, H, W) in their own sizes, with their labels or sets
        of labels.

    Raises:
        ValueError: Options contradict each other.
        cvkit.DataError: Chunks are missing, damaged, compressed or encrypted, a field cannot be read, or labels are
            not classes.
    """
    folder = root / path  # a run gives the absolute path
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; name the folder that contains train and val or test")
    splits: dict[SplitName, str] = {"train": train, "validation": validation, "test": test}
    options = ChunkOptions(
        splits, FieldNames(image, label, names), several_labels, classes, on_error == "skip", max_megapixels
    )
    reading = Reading(size, framing, decode, channels, bits, max_megapixels, on_error, mean, std)
    return _opened(LocalShards.at(folder), options, reading, write_index, scan=True)


def remote_litdata(
    root: Path,
    *,
    url: str,
    image: str | None = None,
    label: str | None = None,
    names: str | None = None,
    size: Side | tuple[Side, Side] = 224,
    framing: FramingName | None = "crop",
    decode: Literal["full", "draft"] = "full",
    train: str = "",
    validation: str = "",
    test: str = "",
    several_labels: bool = False,
    classes: tuple[str, ...] = (),
    on_error: Literal["fail", "skip"] = "fail",
    scan: bool = False,
    channels: Literal[1, 3] = 3,
    bits: Bits = 16,
    max_megapixels: PositiveInt | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
) -> Splits:
    """Return a data set of the images that LitData or MosaicML Streaming wrote to an object store or a web server.

    fsspec reads the store, which may need another package, such as s3fs for ``s3://``. The store must answer requests
    for a range of bytes. An image is one request, so set `train.workers` to more than the cores of the machine.
    Chunks are not kept on the disk; `train.cache: disk` keeps decoded images.

    Args:
        root: The data folder; it is not used.
        url: The folder with the splits, such as ``s3://bucket/folder``.
        image: As for `litdata`.
        label: As for `litdata`.
        names: As for `litdata`.
        size: As for `litdata`.
        framing: As for `litdata`.
        decode: As for `litdata`.
        train: As for `litdata`.
        validation: As for `litdata`.
        test: As for `litdata`.
        several_labels: As for `litdata`.
        classes: As for `litdata`.
        on_error: As for `litdata`.
        scan: Whether all images are read once if the store has no index that `write_index` of `litdata` wrote with
            the same options; the index is then kept in the cache folder. Otherwise such a store is refused.
        channels: As for `litdata`.
        bits: As for `litdata`.
        max_megapixels: As for `litdata`.
        mean: As for `litdata`.
        std: As for `litdata`.

    Returns:
        Training, validation and test images, as for `litdata`.

    Raises:
        ValueError: Options contradict each other, or `url` is not one address.
        cvkit.DataError: The store cannot be read, or it has no index and `scan` is false; as for `litdata`.
    """
    if "://" not in url or "::" in url:
        raise ValueError(f"url must be one address such as s3://bucket/folder, but it is '{url}'")
    splits: dict[SplitName, str] = {"train": train, "validation": validation, "test": test}
    options = ChunkOptions(
        splits, FieldNames(image, label, names), several_labels, classes, on_error == "skip", max_megapixels
    )
    reading = Reading(size, framing, decode, channels, bits, max_megapixels, on_error, mean, std)
    return _opened(RemoteShards(url), options, reading, beside=False, scan=scan)


def _opened(
    store: LocalShards | RemoteShards, options: ChunkOptions, reading: Reading, beside: bool, scan: bool
) -> Splits:
    found = Chunks(store, options).opened(beside, scan)
    splits = opened_set(store, found.index, reading, options.several, found.kinds)
    if splits.account is None:
        return splits
    return replace(splits, account=replace(splits.account, notes=(*found.notes, *splits.account.notes)))


litdata.read = remote_litdata.read = read  # type: ignore[attr-defined]  # `cvkit explain` reads other images with it
