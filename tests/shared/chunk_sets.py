"""Folders as LitData and MosaicML Streaming (MDS) write them.

LitData itself writes the first. MosaicML's package requires old versions of numpy and many other packages, so the few
bytes of an MDS shard are written here, as its ``MDSWriter`` writes them (checked against version 0.13.0).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Samples = Sequence[Any]
SIZES = {"int": 8, "uint8": 1, "int32": 4, "int64": 8, "float32": 4, "ndarray:uint8:2": 2}
"""The sizes of MDS encodings whose values all have the same number of bytes."""


def write_litdata(folder: Path, samples: Samples, chunk: int = 3, **options: Any) -> Path:
    """Write samples with LitData, `chunk` samples in each file."""
    from litdata.streaming.writer import BinaryWriter

    folder.mkdir(parents=True)
    writer = BinaryWriter(str(folder), chunk_size=chunk, **options)
    for number, sample in enumerate(samples):
        writer[number] = sample
    writer.done()
    writer.merge()
    return folder


def write_mds(folder: Path, columns: Mapping[str, str], samples: Sequence[Mapping[str, Any]], shard: int = 3) -> Path:
    """Write samples as MDS, `shard` samples in each file; `columns` has the encoding of each field."""
    folder.mkdir(parents=True)
    names = sorted(columns)
    encodings = [columns[name] for name in names]
    sizes = [SIZES.get(encoding) for encoding in encodings]
    config = {
        "column_encodings": encodings,
        "column_names": names,
        "column_sizes": sizes,
        "compression": None,
        "format": "mds",
        "hashes": [],
        "size_limit": 1 << 26,
        "version": 2,
    }
    shards = []
    for number, start in enumerate(range(0, len(samples), shard)):
        part = samples[start : start + shard]
        content = _shard([[encoded(columns[name], sample[name]) for name in names] for sample in part], sizes, config)
        file = f"shard.{number:05d}.mds"
        (folder / file).write_bytes(content)
        raw = {"basename": file, "bytes": len(content), "hashes": {}}
        shards.append({**config, "raw_data": raw, "zip_data": None, "samples": len(part)})
    (folder / "index.json").write_text(json.dumps({"version": 2, "shards": shards}, sort_keys=True))
    return folder


def _shard(samples: Sequence[Sequence[bytes]], sizes: Sequence[int | None], config: Mapping[str, Any]) -> bytes:
    """Return the number of samples, where each begins, the settings, and the samples."""
    about = json.dumps(config, sort_keys=True).encode()
    bodies = []
    for values in samples:
        varying = [len(value) for value, size in zip(values, sizes, strict=True) if size is None]
        bodies.append(np.array(varying, np.uint32).tobytes() + b"".join(values))
    places = np.cumsum([0, *map(len, bodies)]).astype(np.uint32) + 4 + 4 * (len(bodies) + 1) + len(about)
    return np.uint32(len(bodies)).tobytes() + places.astype(np.uint32).tobytes() + about + b"".join(bodies)


def encoded(encoding: str, value: Any) -> bytes:
    """Return a value as MDS encodes it; bytes are those of a file, and are written as they are."""
    if isinstance(value, bytes):
        return value
    match encoding.partition(":")[0]:
        case "int" | "int64":
            return np.int64(value).tobytes()
        case "uint8" | "int32" | "float32":
            return np.dtype(encoding).type(value).tobytes()
        case "str" | "str_int":
            return str(value).encode()
        case "json":
            return json.dumps(value).encode()
        case "pil":
            return pillow(value)
        case "ndarray":
            return _ndarray(encoding, value)
    raise AssertionError(encoding)


def pillow(image: Image.Image) -> bytes:
    """Return an image of Pillow as LitData and MDS encode it."""
    mode = image.mode.encode()
    return np.array([*image.size, len(mode)], np.uint32).tobytes() + mode + image.tobytes()


def _ndarray(encoding: str, value: np.ndarray[Any, Any]) -> bytes:
    """Return an array of uint8 with fewer than 256 values in each dimension."""
    _, _, detail = encoding.partition(":")
    of_type, _, of_shape = detail.partition(":")
    head = b"" if of_type else bytes([8])
    if not of_shape:
        head += bytes([value.ndim << 2, *value.shape])
    return head + value.tobytes()
