"""Read ``index.json`` of LitData (``litdata.optimize``) and of MosaicML Streaming (MDS): the chunks and their fields.

Both formats have the same chunks: the number of samples, the places of all samples, and the samples one after the
other, each with the sizes of its fields before their bytes (or, of LitData, a table of Arrow: `arrow`). So any
image is read with one range of bytes. Sources:
``item_loader.py`` and ``writer.py`` in ``litdata/streaming`` (LitData 0.2.76), and ``reader.py`` and ``writer.py`` in
``streaming/base/format/mds`` (MosaicML Streaming 0.13.0).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from cvkit import DataError

from ..indexed.files import ShardFiles
from ..indexed.index import LISTING, is_inside

MOST_FIELDS = 1000
_NO_RANDOM_ACCESS = (
    "so an image cannot be read without others. cvkit could then keep neither the order of the training images nor "
    "an exact resume. Write the data again without compression; JPEG images hardly become larger"
)


@dataclass(frozen=True)
class FieldFormat:
    """A field of a sample.

    Attributes:
        name: Its name; the keys of dictionaries within others are joined by dots.
        kind: The format of its values.
        size: The bytes of a value if all values have the same number.
        path: The keys that lead to it.
    """

    name: str
    kind: str
    size: int | None = None
    path: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chunk:
    """A file of samples, below the folder of the data set, and how many samples it has."""

    file: str
    samples: int


@dataclass(frozen=True)
class ChunkListing:
    """What ``index.json`` of a split says.

    Attributes:
        folder: The folder that contains it, below that of the data set.
        where: Its place, for messages.
        mds: Whether the format is MDS; else it is that of LitData.
        chunks: The chunks, in order.
        fields: The fields of each sample, in the order of their bytes.
        digest: The SHA-256 of ``index.json``.
    """

    folder: str
    where: str
    mds: bool
    chunks: tuple[Chunk, ...]
    fields: tuple[FieldFormat, ...]
    digest: str


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _LitChunk(_Model):
    filename: str
    chunk_size: PositiveInt


class _LitConfig(_Model):
    data_format: tuple[str, ...] | None
    data_spec: str | None
    compression: str | None = None
    ipc_compression: str | None = None
    encryption: dict[str, Any] | None = None
    item_loader: str | None = None


class _LitIndex(_Model):
    chunks: tuple[_LitChunk, ...]
    config: _LitConfig


class _File(_Model):
    basename: str
    bytes: NonNegativeInt


class _MdsShard(_Model):
    version: int
    format: str
    samples: PositiveInt
    column_names: tuple[str, ...] = ()
    column_encodings: tuple[str, ...] = ()
    column_sizes: tuple[PositiveInt | None, ...] = ()
    compression: str | None = None
    raw_data: _File | None = None


class _MdsIndex(_Model):
    version: int
    shards: tuple[_MdsShard, ...] = Field(min_length=1)


def chunk_listing(store: ShardFiles, folder: str) -> ChunkListing | None:
    """Return what ``index.json`` in a folder of the store says; None if there is none.

    Raises `DataError` if it is damaged, of another format, or of data that cannot be read image by image.
    """
    path = f"{folder}/{LISTING}"
    content = store.whole(path)
    if content is None:
        return None
    where = store.where(path)
    try:
        index = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is damaged: it is not JSON: {error}") from None
    if not isinstance(index, dict) or not {"chunks", "shards"} & index.keys():
        raise DataError(
            f"{where} is not an index of LitData or of MosaicML Streaming (MDS): it has neither 'chunks' nor 'shards'"
        )
    mds = "chunks" not in index
    try:
        files, fields = _mds(where, index, store, folder) if mds else _litdata(where, index)
    except ValidationError as error:
        first = error.errors()[0]
        raise DataError(f"{where} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    if strange := [file for file, _ in files if not is_inside(file)]:
        raise DataError(f"{where} is damaged: '{strange[0]}' is not the name of a file beside it or below")
    if not files or not fields or len(fields) > MOST_FIELDS or len({field.name for field in fields}) < len(fields):
        raise DataError(
            f"{where} is damaged: it must have chunks, and 1 to {MOST_FIELDS:,} fields with different names"
        )
    chunks = tuple(Chunk(f"{folder}/{file}", samples) for file, samples in files)
    return ChunkListing(folder, where, mds, chunks, tuple(fields), hashlib.sha256(content).hexdigest())


def _litdata(where: str, content: Any) -> tuple[list[tuple[str, int]], list[FieldFormat]]:
    index = _LitIndex.model_validate(content)
    config = index.config
    if config.encryption:
        raise DataError(f"{where} is of encrypted chunks, which cvkit does not read")
    if compressed := config.compression or config.ipc_compression:
        raise DataError(f"{where} is of chunks compressed with {compressed}, {_NO_RANDOM_ACCESS}")
    if config.item_loader not in (None, "PyTreeLoader") or config.data_format is None or config.data_spec is None:
        raise DataError(
            f"{where} is not of samples with fields: they were written for the item loader '{config.item_loader}'. "
            "cvkit reads what litdata.optimize writes of dictionaries, tuples or lists"
        )
    paths = [*_paths(where, config.data_spec)]
    if len(paths) != len(config.data_format):
        raise DataError(f"{where} is damaged: it has {len(config.data_format)} formats for {len(paths)} fields")
    named = zip(paths, config.data_format, strict=True)
    fields = [FieldFormat(".".join(path) or "0", kind, path=path) for path, kind in named]
    return [(chunk.filename, chunk.chunk_size) for chunk in index.chunks], fields


def _paths(where: str, spec: str) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field: keys of dictionaries and numbers of places.

    The library would import the module of a type that is named here; this does not.
    """
    try:
        protocol, tree = json.loads(spec)
        if protocol != 1:
            raise DataError(
                f"{where} has the version {protocol} of the structure of samples, and cvkit reads version 1"
            )
        yield from _leaves(tree, ())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(
            f"{where} has a structure of samples that cvkit does not read ({error}); write dictionaries, tuples or "
            "lists"
        ) from None


def _leaves(node: dict[str, Any], place: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    kind, children = node["type"], node["children_spec"]
    if kind is None:
        yield place
        return
    if kind in ("builtins.dict", "collections.OrderedDict"):
        keys = json.loads(node["context"])
    elif kind in ("builtins.tuple", "builtins.list"):
        keys = range(len(children))
    else:
        raise ValueError(f"the type '{kind}'")
    for key, child in zip(keys, children, strict=True):
        yield from _leaves(child, (*place, str(key)))


def _mds(
    where: str, content: Any, store: ShardFiles, folder: str
) -> tuple[list[tuple[str, int]], Sequence[FieldFormat]]:
    index = _MdsIndex.model_validate(content)
    for shard in index.shards:
        if (index.version, shard.version) != (2, 2) or shard.format != "mds":
            raise DataError(
                f"{where} is of the format '{shard.format}' in version {shard.version}, and cvkit reads 'mds' in "
                "version 2"
            )
        if shard.raw_data is None:
            raise DataError(f"{where} is damaged: a shard has no raw_data")
    files = [(shard.raw_data.basename, shard.samples) for shard in index.shards if shard.raw_data is not None]
    compressed = next((shard.compression for shard in index.shards if shard.compression), None)
    if compressed and any(is_inside(file) and store.size(f"{folder}/{file}") is None for file, _ in files):
        raise DataError(f"{where} is of shards compressed with {compressed}, {_NO_RANDOM_ACCESS}")
    kinds = {(shard.column_names, shard.column_encodings, shard.column_sizes) for shard in index.shards}
    if len(kinds) > 1:
        raise DataError(f"{where} is of shards with different columns, which cvkit does not read")
    ((names, encodings, sizes),) = kinds
    if not len(names) == len(encodings) == len(sizes):
        raise DataError(f"{where} is damaged: its columns do not have a name, an encoding and a size each")
    return files, [FieldFormat(*one) for one in zip(names, encodings, sizes, strict=True)]
