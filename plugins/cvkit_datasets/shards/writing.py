"""Write the splits of a data set as tar shards in the WebDataset layout, with an index.

Each image is two files with one key: its bytes, and ``KEY.cls`` with the number of its class, or ``KEY.json`` with
its labels. So other readers of the layout can use the shards too. All files of a pack have the same dates and owners,
so packing the same images twice gives the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from cvkit import CvkitError, DataError, DataInfo, LeftOut, Split, Splits, one_line, read_header

from ..headers import reason_of
from ..indexed.index import LISTING, SplitIndex, written
from ..indexed.packed_text import PackedText
from ..samples import SplitName

_HEADER = 512  # bytes before the content of a file; longer names would need more
_ANY = 1_000_000  # megapixels
_NAMES: tuple[SplitName, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Packing:
    """How images are packed.

    Attributes:
        shard_bytes: A shard ends before it becomes larger than this, but has at least one image.
        shard_images: Most images of a shard; None for no limit.
        copied: Whether the bytes of image files are copied; else pixels are written.
        short_side: Larger images are resized until their shorter side has this many pixels; None for no limit.
        quality: Quality of the JPEG files in which pixels are written, 1 to 100; None writes PNG files.
        skip_damaged: Whether images that cannot be read are left out; else they are errors.
    """

    shard_bytes: int = 256_000_000
    shard_images: int | None = None
    copied: bool = True
    short_side: int | None = None
    quality: int | None = None
    skip_damaged: bool = False


def pack(splits: Splits, folder: Path, advance: Callable[[int], None], **options: Any) -> list[str]:
    """Write all images of a data set as shards into `folder`, and return lines about what was written or left out.

    `advance` is called with the number of images since its last call; `options` are the fields of `Packing`. Raises
    `DataError` if an image cannot be read.
    """
    packing, info = Packing(**options), splits.info
    left_out: list[LeftOut] = []
    indices: dict[SplitName, SplitIndex] = {}
    shards: dict[SplitName, list[dict[str, Any]]] = {}
    for name in _NAMES:
        if (split := getattr(splits, name)) is not None:
            writer = _SplitWriter(folder, name, info, packing)
            left_out += writer.write(split, advance)
            if not writer.count:
                raise DataError(f"none of the {name} images can be read, so nothing was packed")
            indices[name], shards[name] = writer.index(split), writer.shards
    account = splits.account
    left_out = [*(account.left_out if account is not None else ()), *left_out]
    listing = {
        "classes": info.classes,
        "task": info.task,
        "shards": shards,
        "input": _input_of(info),
        "left_out": [{"name": one.name, "reason": one.reason} for one in left_out],
        "notes": _lost(splits),
        "about": {"written_by": "cvkit data pack"},
    }
    for file, content in written(indices, listing).items():
        with (folder / file).open("wb") as stream:
            _flush(stream, content)
    lines = [
        f"{name} images: {len(index):,}, shards: {len(index.shards):,}, "
        f"size: {sum(one['bytes'] for one in shards[name]) / 1e6:,.1f} MB"
        for name, index in indices.items()
    ]
    reasons: dict[str, list[str]] = {}
    for one in left_out:
        reasons.setdefault(one.reason, []).append(one.name)
    omitted = [f"left out {len(names):,}, such as {names[0]}: {reason}" for reason, names in reasons.items()]
    return [*lines, *omitted, *_lost(splits), *([f"{LISTING} lists everything that was left out"] if omitted else [])]


def _input_of(info: DataInfo) -> dict[str, Any]:
    return {
        "size": (info.height, info.width),
        "channels": info.channels,
        "framing": None if info.framing is None else info.framing.mode,
        "mean": info.mean,
        "std": info.std,
        "fixed_normalisation": info.fixed_normalisation,
    }


def _lost(splits: Splits) -> list[str]:
    """Return sentences about what shards do not have."""
    held = [split for split in (splits.train, splits.validation, splits.test) if split is not None]
    return ["the masks of the objects are not in the shards"] * any(
        getattr(split, "masks", None) is not None for split in held
    )


class _SplitWriter:
    """Writes the shards of a split, and collects what the index needs in packed arrays."""

    def __init__(self, folder: Path, name: SplitName, info: DataInfo, packing: Packing) -> None:
        self._folder, self._name, self._info, self._packing = folder, name, info, packing
        self.shards: list[dict[str, Any]] = []
        self._starts, self._offsets, self._sizes = array("q"), array("q"), array("q")
        self._dimensions, self._labels, self._kept = array("i"), array("i"), array("q")
        self._sets: list[bytes] = []
        self._digests = bytearray()
        self._archive: tarfile.TarFile | None = None

    @property
    def count(self) -> int:
        """The number of images that were written."""
        return len(self._offsets)

    def write(self, split: Split, advance: Callable[[int], None]) -> list[LeftOut]:
        """Write all images of a split; return those that could not be read, if they may be left out."""
        left_out: list[LeftOut] = []
        try:
            for number in range(len(split)):
                try:
                    content, ending, label, dimensions = _packed(split, number, self._packing)
                except CvkitError as error:
                    if not self._packing.skip_damaged:
                        raise DataError(
                            f"{one_line(error)}. Nothing was packed; repair the image, or leave such images out with "
                            "--skip-damaged"
                        ) from error
                    names = getattr(split, "names", None)
                    name = f"{self._name} image {number}" if names is None else names[number]
                    left_out.append(LeftOut(name, f"damaged: {one_line(error)}"))
                else:
                    self._kept.append(number)
                    self._add(content, ending, label, dimensions)
                advance(1)
        finally:
            self._close()
        return left_out

    def _add(self, content: bytes, ending: str, label: Any, dimensions: tuple[int, int]) -> None:
        key = f"{self.count:09d}"
        of_label = self._label(label)
        archive = self._with_room(len(content) + len(of_label[1]) + 4 * _HEADER)
        self._offsets.append(archive.offset + _HEADER)
        self._sizes.append(len(content))
        self._dimensions.extend(dimensions)
        self._digests += hashlib.sha256(content).digest()
        for file, data in ((f"{key}{ending}", content), (f"{key}.{of_label[0]}", of_label[1])):
            member = tarfile.TarInfo(file)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        self.shards[-1]["images"] += 1

    def _label(self, label: Any) -> tuple[str, bytes]:
        """Keep a label for the index, and return the ending and the content of its file."""
        chosen = self._info.labels.classes_of(label)
        if self._info.task == "single_label":
            self._labels.append(chosen[0])
            return "cls", str(chosen[0]).encode()
        row = np.zeros(self._info.num_classes, np.uint8)
        row[chosen] = 1
        self._sets.append(row.tobytes())
        return "json", json.dumps({"label": [self._info.classes[one] for one in chosen]}).encode()

    def _with_room(self, size: int) -> tarfile.TarFile:
        """Return the current shard, or a new one if it is full."""
        most = self._packing.shard_images
        if self._archive is not None:
            images = self.shards[-1]["images"]
            if self._archive.offset + size > self._packing.shard_bytes or (most is not None and images >= most):
                self._close()
        if self._archive is None:
            file = f"{self._name}-{len(self.shards):06d}.tar"
            self._starts.append(self.count)
            self.shards.append({"file": file, "bytes": 0, "images": 0})
            self._archive = tarfile.open(self._folder / file, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
        self._archive.members = []  # type: ignore[attr-defined]  # the list would grow with every file
        return self._archive

    def _close(self) -> None:
        """End the current shard, and make sure that it is on the disk before the index is."""
        if self._archive is None:
            return
        archive, self._archive = self._archive, None
        archive.close()
        path = self._folder / self.shards[-1]["file"]
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())
        self.shards[-1]["bytes"] = path.stat().st_size

    def index(self, split: Split) -> SplitIndex:
        """Return the index of the images that were written."""
        kept = np.frombuffer(self._kept, np.int64)
        names, weights = getattr(split, "names", None), getattr(split, "weights", None)
        several = self._info.task != "single_label"
        sets = np.frombuffer(b"".join(self._sets), np.uint8).reshape(-1, self._info.num_classes) if several else None
        return SplitIndex(
            tuple(shard["file"] for shard in self.shards),
            np.array([*self._starts, self.count], np.int64),
            np.frombuffer(self._offsets, np.int64),
            np.frombuffer(self._sizes, np.int64).astype(np.uint32),
            np.frombuffer(self._labels, np.int32) if sets is None else sets,
            np.frombuffer(self._dimensions, np.int32).reshape(-1, 2),
            np.frombuffer(bytes(self._digests), np.uint8).reshape(-1, 32),
            None if names is None else PackedText.of(names[number] for number in self._kept),
            None if weights is None else np.asarray(torch.as_tensor(weights, dtype=torch.float64))[kept],
        )


def _packed(split: Split, number: int, packing: Packing) -> tuple[bytes, str, Any, tuple[int, int]]:
    """Return the bytes of an image, the ending of its file, its label, and its height and width."""
    if packing.copied and (found := _file_of(split, number)) is not None:
        content, ending = found
        try:  # the data set has checked the number of pixels
            header = read_header(io.BytesIO(content), max_megapixels=_ANY)
        except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
            file = split.files[number]  # type: ignore[attr-defined]  # only images of files fail to be read
            raise DataError(f"could not read {file} as an image: {reason_of(error)}") from error
        return content, ending, _label_of(split, number), (header.height, header.width)
    image, label = split[number]
    if packing.short_side is not None:
        image = _smaller(image, packing.short_side)
    content, ending = _encoded(image, packing.quality)
    return content, ending, label, (image.shape[-2], image.shape[-1])


def _file_of(split: Split, number: int) -> tuple[bytes, str] | None:
    """Return the bytes and the ending of an image's file; None if the images are not files."""
    files = getattr(split, "files", None)
    if files is not None:
        try:
            return files[number].read_bytes(), files[number].suffix.lower()
        except OSError as error:
            raise DataError(f"could not read {files[number]}: {error.strerror}") from error
    return None


def _label_of(split: Split, number: int) -> Any:
    labels = getattr(split, "labels", None)
    return split[number][1] if labels is None else labels[number]


def _smaller(image: Tensor, short_side: int) -> Tensor:
    """Return an image, uint8 (C, H, W), whose shorter side has at most this many pixels; its aspect ratio stays."""
    height, width = image.shape[-2:]
    if min(height, width) <= short_side:
        return image
    scale = short_side / min(height, width)
    size = (max(short_side, round(height * scale)), max(short_side, round(width * scale)))
    return interpolate(image[None], size=size, mode="bilinear", align_corners=False, antialias=True)[0]


def _encoded(image: Tensor, quality: int | None) -> tuple[bytes, str]:
    """Return pixels, uint8 (C, H, W), as the content of a PNG or JPEG file, and its ending."""
    if image.shape[0] not in (1, 3):
        raise DataError(f"images of {image.shape[0]} channels cannot be packed, because image files have 1 or 3")
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    stream = io.BytesIO()
    if quality is None:
        picture.save(stream, "PNG")
        return stream.getvalue(), ".png"
    picture.save(stream, "JPEG", quality=quality)
    return stream.getvalue(), ".jpg"


def _flush(stream: BinaryIO, content: bytes) -> None:
    stream.write(content)
    stream.flush()
    os.fsync(stream.fileno())
