"""Find the images in the chunks of LitData and MosaicML Streaming (MDS): each chunk is read once, in blocks."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from cvkit import DataError, LeftOut, read_header, readable_name

from ..headers import reason_of
from ..indexed.files import ShardFiles
from ..indexed.scanned_labels import Label, ScannedImage
from ..indexed.stored_arrays import Array
from ..indexed.stored_images import file_of, stored_kind
from .arrow import arrow_rows
from .fields import ChosenFields
from .labels import Labels
from .listing import Chunk, ChunkListing, FieldFormat

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
    rows: _Samples | _Rows
    if not listing.mds and ends[0] == ends[-1]:
        rows = _Rows(blocks, store.where(chunk.file), chunk, chosen, labels)
    else:
        rows = _Samples(blocks, listing, ends, chosen, labels)
    kind = stored_kind(chosen.image.kind)
    done = 0
    for number in range(chunk.samples):
        try:
            offset, count, label, name = rows.of(number)
            content = blocks.read(offset, count)
            dimensions, digest = _dimensions(kind, content, max_megapixels), hashlib.sha256(content).digest()
            name = name or f"{listing.folder}/{first + number:05d}"
            yield ScannedImage(name, offset, count, label, dimensions, digest)
            advance(max(0, offset + count - done))
            done = max(done, offset + count)
        except ValueError as error:
            left_out.append(LeftOut(readable_name(f"{chunk.file} sample {number}"), str(error)))
    advance(size - done)


class _Samples:
    """The samples of a chunk: each has the sizes of its fields before their bytes."""

    def __init__(
        self, blocks: _Blocks, listing: ChunkListing, ends: Array, chosen: ChosenFields, labels: Labels
    ) -> None:
        self._blocks, self._fields, self._ends = blocks, listing.fields, ends
        self._chosen, self._labels = chosen, labels

    def of(self, number: int) -> tuple[int, int, Label, str]:
        """Return the place of an image, the number of its bytes, its label, and its name or empty text.

        Raises `ValueError` if the sample is damaged, or if there is no label.
        """
        spans = _spans(self._blocks, self._fields, int(self._ends[number]), int(self._ends[number + 1]))
        offset, count = spans[self._chosen.image.name]
        label = self._labels.of(self._blocks.read(*spans[self._chosen.label.name]))
        field = self._chosen.name
        return offset, count, label, "" if field is None else _text(self._blocks.read(*spans[field.name]))


class _Rows:
    """The rows of a table of Arrow in a chunk."""

    def __init__(self, blocks: _Blocks, where: str, chunk: Chunk, chosen: ChosenFields, labels: Labels) -> None:
        name = None if chosen.name is None else chosen.name.path
        content = blocks.read(0, blocks.size)
        self._rows = arrow_rows(where, content, chosen.image.path, chosen.label.path, name)
        self._labels = labels
        if len(self._rows.places) != chunk.samples:
            raise DataError(
                f"{where} is damaged: its table has {len(self._rows.places):,} rows for {chunk.samples:,} samples"
            )

    def of(self, number: int) -> tuple[int, int, Label, str]:
        """Return the place of an image, the number of its bytes, its label, and its name or empty text."""
        place, names = self._rows.places[number], self._rows.names
        if place is None:
            raise ValueError("it has no image")
        name = "" if names is None else names[number]
        if not isinstance(name, str):
            raise ValueError("its name is not text")
        return *place, self._labels.of_value(self._rows.labels[number]), readable_name(name)


class _Blocks:
    """A file that is read from its start to its end, in blocks."""

    def __init__(self, store: ShardFiles, file: str, size: int) -> None:
        self._store, self._file, self.size = store, file, size
        self._start, self._held = 0, b""

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes of the file; raise `DataError` if it has fewer."""
        if not self._start <= offset <= offset + count <= self._start + len(self._held):
            self._start, self._held = offset, self._block(offset, min(max(BLOCK, count), self.size - offset))
        found = self._held[offset - self._start : offset - self._start + count]
        if len(found) < count:
            raise DataError(f"{self._store.where(self._file)} ended while it was read; copy the data again")
        return found

    def _block(self, offset: int, count: int) -> bytes:
        """Return bytes of the file; a system may return fewer than it is asked for, such as 2 GB."""
        found = self._store.range(self._file, offset, count)
        while len(found) < count and (more := self._store.range(self._file, offset + len(found), count - len(found))):
            found += more
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


def _spans(blocks: _Blocks, fields: Sequence[FieldFormat], place: int, end: int) -> dict[str, tuple[int, int]]:
    """Return the offset and the number of bytes of each field of a sample."""
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
