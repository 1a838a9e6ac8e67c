"""The index of tar shards: where each image is, with its label, name, size and digest, in numpy arrays.

Two files have it. ``index.json`` lists the shards, the classes and how images are read. ``index.safetensors`` has the
arrays, which take about 90 bytes for each image. So any image is read with one look-up and one read of a range.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from cvkit import DataError

from ..samples import SplitName
from .packed_text import PackedText

FORMAT = "cvkit-shards-1"
LISTING, ARRAYS = "index.json", "index.safetensors"
Array = NDArray[Any]


class Shard(BaseModel):
    """A tar file: its name, its size in bytes, and the number of its images."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    file: str
    bytes: NonNegativeInt
    images: NonNegativeInt


class PackedInput(BaseModel):
    """How the images were read before they were packed: the defaults of the options with these names."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    size: tuple[PositiveInt, PositiveInt]
    channels: Literal[1, 3]
    framing: Literal["crop", "pad", "squash"] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fixed_normalisation: bool = False


class Omitted(BaseModel):
    """A file that was left out, and why."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: str
    reason: str


class Listing(BaseModel):
    """The content of ``index.json``."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    format: str
    classes: tuple[str, ...]
    task: Literal["single_label", "multi_label"]
    shards: dict[SplitName, tuple[Shard, ...]]
    arrays_sha256: str
    input: PackedInput | None = None
    left_out: tuple[Omitted, ...] = ()
    notes: tuple[str, ...] = ()
    about: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, eq=False)  # arrays have no equality as a whole
class SplitIndex:
    """The images of a split: where they are, and what they are.

    Attributes:
        shards: The names of the tar files.
        starts: The number of the first image of each shard, and the number of all images, int64 (S + 1,).
        offsets: Where the bytes of each image begin in its shard, int64 (N,).
        sizes: The number of these bytes, uint32 (N,).
        labels: The class of each image, int32 (N,), or label sets, uint8 (N, K).
        dimensions: Height and width of each image, int32 (N, 2).
        digests: The SHA-256 of the bytes of each image, uint8 (N, 32).
        names: The names of the images; None if they had none before they were packed.
        weights: How often the sampler `weighted` uses each image relative to others, float64 (N,); None if equal.
    """

    shards: tuple[str, ...]
    starts: Array
    offsets: Array
    sizes: Array
    labels: Array
    dimensions: Array
    digests: Array
    names: PackedText | None = None
    weights: Array | None = None

    def __len__(self) -> int:
        return len(self.offsets)

    def place(self, index: int) -> tuple[str, int, int]:
        """Return the shard of an image, and the offset and the number of its bytes."""
        shard = int(np.searchsorted(self.starts, index, side="right")) - 1
        return self.shards[shard], int(self.offsets[index]), int(self.sizes[index])

    def arrays(self) -> dict[str, Array]:
        """Return the arrays by name."""
        held = {
            "starts": self.starts,
            "offsets": self.offsets,
            "sizes": self.sizes,
            "labels": self.labels,
            "dimensions": self.dimensions,
            "digests": self.digests,
        }
        if self.names is not None:
            held |= {"names": self.names.content, "name_ends": self.names.ends}
        return held if self.weights is None else held | {"weights": self.weights}

    def content_digest(self) -> bytes:
        """Return a digest of the images, labels, names and weights, however they are divided into shards."""
        whole = hashlib.sha256()
        for name, array in self.arrays().items():
            if name not in ("starts", "offsets", "sizes"):
                whole.update(f"{name} {array.shape}".encode())
                whole.update(np.ascontiguousarray(array).data)
        return whole.digest()


@dataclass(frozen=True)
class ShardIndex:
    """The listing and the index of each split."""

    listing: Listing
    splits: Mapping[SplitName, SplitIndex]


class HexDigests(Sequence[str]):
    """Digests uint8 (N, 32) as hexadecimal text, which is made when it is asked for."""

    def __init__(self, digests: Array) -> None:
        self._digests = digests

    def __len__(self) -> int:
        return len(self._digests)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(row.tobytes().hex() for row in self._digests[index])
        digest: str = self._digests[index].tobytes().hex()
        return digest


def written(splits: Mapping[SplitName, SplitIndex], listing: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the two files of an index; `listing` has the fields of ``index.json`` besides those that follow."""
    arrays = {f"{name}.{key}": array for name, index in splits.items() for key, array in index.arrays().items()}
    content = save({key: np.ascontiguousarray(array) for key, array in arrays.items()})
    whole = Listing(format=FORMAT, arrays_sha256=hashlib.sha256(content).hexdigest(), **listing)
    return {ARRAYS: content, LISTING: whole.model_dump_json(indent=1).encode()}


def listing_of(content: bytes, where: str) -> Listing:
    """Return the content of ``index.json``; raise `DataError` if it is damaged or of another format."""
    try:
        listing = Listing.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(f"{where} is damaged: {place}: {first['msg']}. Pack the data again") from None
    if listing.format != FORMAT:
        raise DataError(f"{where} has the format '{listing.format}', but this cvkit reads '{FORMAT}'")
    files = [shard.file for shards in listing.shards.values() for shard in shards]
    if strange := [file for file in files if not is_inside(file)]:
        raise DataError(
            f"{where} is damaged: '{strange[0]}' is not the name of a file beside it. Pack the data again"
        )
    return listing


def is_inside(file: str) -> bool:
    """Return whether a path with slashes leads to a file in the same folder or below, whatever the system."""
    return (
        not {"", ".", ".."} & set(file.split("/"))
        and not set(file) & {"\\", "\0"}
        and not PureWindowsPath(file).drive
    )


def index_of(listing: Listing, content: bytes, where: str) -> ShardIndex:
    """Return the index with the arrays in `content`; raise `DataError` if they are damaged or contradict it."""
    if hashlib.sha256(content).hexdigest() != listing.arrays_sha256:
        raise DataError(f"{where} is damaged: its SHA-256 is not the one in {LISTING}. Pack the data again")
    try:
        arrays = load(content)
        splits = {name: _split(name, shards, arrays) for name, shards in listing.shards.items()}
        for name, index in splits.items():
            _require_consistent(index, listing, name)
    except (SafetensorError, KeyError, ValueError) as error:
        raise DataError(f"{where} is damaged: {error}. Pack the data again") from None
    return ShardIndex(listing, splits)


def _split(name: SplitName, shards: Sequence[Shard], arrays: Mapping[str, Array]) -> SplitIndex:
    def array(key: str) -> Array:
        return arrays[f"{name}.{key}"]

    named = f"{name}.names" in arrays
    return SplitIndex(
        tuple(shard.file for shard in shards),
        array("starts"),
        array("offsets"),
        array("sizes"),
        array("labels").copy(),  # torch warns about arrays that cannot be written
        array("dimensions"),
        array("digests"),
        names=PackedText(array("names"), array("name_ends")) if named else None,
        weights=array("weights").copy() if f"{name}.weights" in arrays else None,
    )


def _require_consistent(index: SplitIndex, listing: Listing, name: SplitName) -> None:
    """Raise `ValueError` unless all arrays describe the same images, within the shards and the classes."""
    count, classes = len(index.offsets), len(listing.classes)
    shards = listing.shards[name]
    starts = np.cumsum([0, *(shard.images for shard in shards)])
    if not classes:
        raise ValueError("it has no classes")
    several = listing.task == "multi_label"
    shapes = {
        "offsets": (count,),
        "sizes": (count,),
        "labels": (count, classes) if several else (count,),
        "dimensions": (count, 2),
        "digests": (count, 32),
        "name_ends": (count,),
        "weights": (count,),
    }
    arrays = index.arrays()
    for key, shape in shapes.items():
        if key in arrays and arrays[key].shape != shape:
            raise ValueError(f"{name}.{key} has the shape {arrays[key].shape}, expected {shape}")
    if not count or starts[-1] != count or not np.array_equal(index.starts, starts):
        raise ValueError(f"the shards of the {name} images do not have {count:,} images together")
    limits = np.repeat([shard.bytes for shard in shards], [shard.images for shard in shards])
    if (index.offsets < 0).any() or (index.offsets + index.sizes > limits).any():
        raise ValueError(f"{name} images lie outside of their shards")
    if index.labels.min() < 0 or index.labels.max() >= (2 if several else classes):
        raise ValueError(f"{name} images have labels without a class")
    if index.names is not None:
        ends = index.names.ends
        if ends[0] < 0 or (np.diff(ends) < 0).any() or ends[-1] != len(index.names.content):
            raise ValueError(f"the names of the {name} images are not complete")
