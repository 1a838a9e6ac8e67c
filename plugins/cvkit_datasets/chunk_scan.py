"""Find the images in the chunks of LitData and MosaicML Streaming (MDS): each chunk is read once, in blocks."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator

import numpy as np

from cvkit import DataError, LeftOut, read_header, readable_name

from .chunk_arrays import Array
from .chunk_fields import ChosenFields
from .chunk_images import file_of, stored_kind
from .chunk_labels import Labels
from .chunk_listing import Chunk, ChunkListing
from .headers import reason_of
from .shard_files import ShardFiles
from .shard_scan import ScannedImage

BLOCK = 16 << 20
"""Bytes that are read at once: a request to an object store takes as long for one image."""


def scan_chunk(
    store: ShardFiles,
    listing: ChunkListing,
    chunk: Chunk,
    size: int,
    chosen: ChosenFields,
    labels: Labels,
    first: int,
    max_megapixels: int | None,
    advance: Callable[[int], None],
    left_out: list[LeftOut],
) -> Iterator[ScannedImage]:
    """Yield the images of a chunk of `size` bytes in its order; append those that cannot be used to `left_out`.

    `first` is the number of the chunk's first sample in its split, of which names are made; `advance` is called with
    the number of bytes since its last call. Raises `DataError` if the chunk is incomplete.
    """
    blocks = _Blocks(store, chunk.file, size)
    ends = _places(blocks, store.where(chunk.file), listing, chunk)
    kind = stored_kind(chosen.image.kind)
    done = 0
    for number in range(chunk.samples):
        place, end = int(ends[number]), int(ends[number + 1])
        name = f"{chunk.file.partition('/')[0]}/{first + number:05d}"
        try:
            spans = _spans(blocks, listing, place, end)
            if chosen.name is not None:
                name = _text(blocks.read(*spans[chosen.name.name]))
            offset, count = spans[chosen.image.name]
            content = blocks.read(offset, count)
            label = labels.of(blocks.read(*spans[chosen.label.name]))
            dimensions = _dimensions(kind, content, max_megapixels)
            yield ScannedImage(name, offset, count, label, dimensions, hashlib.sha256(content).digest())
        except ValueError as error:
            left_out.append(LeftOut(readable_name(f"{chunk.file} sample {number}"), str(error)))
        advance(end - done)
        done = end


class _Blocks:
    """A file that is read from its start to its end, in blocks."""

    def __init__(self, store: ShardFiles, file: str, size: int) -> None:
        self._store, self._file, self.size = store, file, size
        self._start, self._held = 0, b""

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes of the file; raise `DataError` if it has fewer."""
        if not self._start <= offset <= offset + count <= self._start + len(self._held):
            wanted = min(max(BLOCK, count), self.size - offset)
            self._start, self._held = offset, self._store.range(self._file, offset, wanted)
        found = self._held[offset - self._start : offset - self._start + count]
        if len(found) < count:
            raise DataError(f"{self._store.where(self._file)} ended while it was read; copy the data again")
        return found


def _places(blocks: _Blocks, where: str, listing: ChunkListing, chunk: Chunk) -> Array:
    """Return where each sample begins, and where the last one ends; raise `DataError` if the file is not complete."""
    head = 4 * (chunk.samples + 2)
    if blocks.size < head:
        raise DataError(f"{where} is incomplete: it has {blocks.size:,} bytes; copy the data again")
    numbers = np.frombuffer(blocks.read(0, head), "<u4")
    if numbers[0] != chunk.samples:
        raise DataError(
            f"{where} is damaged: it says that it has {numbers[0]:,} samples, and {listing.where} says "
            f"{chunk.samples:,}"
        )
    ends = numbers[1:]
    if ends[0] < head or (ends[1:] < ends[:-1]).any():
        raise DataError(f"{where} is damaged: the places of its samples are not in order")
    if ends[-1] > blocks.size:
        raise DataError(f"{where} is incomplete: it has {blocks.size:,} of {ends[-1]:,} bytes; copy the data again")
    return ends


def _spans(blocks: _Blocks, listing: ChunkListing, place: int, end: int) -> dict[str, tuple[int, int]]:
    """Return the offset and the number of bytes of each field of a sample."""
    fields = listing.fields
    varying = sum(field.size is None for field in fields)
    if end - place < 4 * varying:
        raise ValueError("damaged: its fields have no sizes")
    sizes = iter(np.frombuffer(blocks.read(place, 4 * varying), "<u4").tolist())
    offset, spans = place + 4 * varying, {}
    for field in fields:
        count = next(sizes) if field.size is None else field.size
        spans[field.name] = (offset, count)
        offset += count
    if offset != end:
        raise ValueError(
            f"damaged: its fields have {offset - place:,} bytes together, and the sample {end - place:,}"
        )
    return spans


def _dimensions(kind: str, content: bytes, max_megapixels: int | None) -> tuple[int, int]:
    try:
        header = read_header(io.BytesIO(file_of(kind, content)), max_megapixels=max_megapixels)
    except Exception as error:  # Pillow's decoders raise many kinds of errors for damaged files
        raise ValueError(f"damaged: {reason_of(error)}") from error
    return header.height, header.width


def _text(content: bytes) -> str:
    try:
        return readable_name(content.decode())
    except UnicodeDecodeError:
        raise ValueError("its name is not UTF-8 text") from None
