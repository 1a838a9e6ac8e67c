"""Find the places of images in chunks of LitData whose samples are rows of an Arrow table.

LitData writes dictionaries of bytes, numbers, texts and lists in this way if pyarrow is installed: after the places
of the samples, which are empty, there is a table in Arrow's IPC format, its length and eight bytes that mark it.
Without compression, the bytes of a value are in the file as they are. Source: ``append_arrow_row_footer`` in
``litdata/streaming/item_loader.py`` (LitData 0.2.76).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cvkit import DataError, one_line

MARK = b"LDARW01\0"
_TAIL = struct.Struct("<I8s")


@dataclass(frozen=True)
class ArrowRows:
    """The rows of a chunk: where the image of each is, and the values of its label and its name."""

    places: list[tuple[int, int] | None]
    labels: list[Any]
    names: list[Any] | None


def arrow_rows(
    where: str, content: bytes, image: Sequence[str], label: Sequence[str], name: Sequence[str] | None
) -> ArrowRows:
    """Return the rows of a chunk, of which `content` has all bytes; fields are named by their path.

    Raises `DataError` if there is no such table, if it is compressed, or if it lacks a field.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise DataError(f"reading {where} requires pyarrow: pip install 'cvkit-core[litdata]'") from None
    length, mark = _TAIL.unpack(content[-_TAIL.size :])
    start = len(content) - _TAIL.size - length
    if mark != MARK or start < 0:
        raise DataError(f"{where} is damaged: its samples are empty, and no table of Arrow follows them")
    whole = pa.py_buffer(content)
    table = pa.BufferReader(whole.slice(start, length))
    is_file = content[start : start + 6] == b"ARROW1"
    rows = ArrowRows([], [], None if name is None else [])
    try:
        reader = pa.ipc.open_file(table) if is_file else pa.ipc.open_stream(table)
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)] if is_file else [*reader]
        for batch in batches:
            batch.validate(full=True)  # the table of a stranger may point outside of itself
            rows.places.extend(_places(pa, where, whole, _column(batch, image)))
            rows.labels.extend(_column(batch, label).to_pylist())
            if name is not None and rows.names is not None:
                rows.names.extend(_column(batch, name).to_pylist())
    except (pa.ArrowException, KeyError, OSError) as error:
        raise DataError(f"{where} is damaged: its table cannot be read: {one_line(error)}") from error
    return rows


def _column(batch: Any, path: Sequence[str]) -> Any:
    column = batch.column(path[0])
    for key in path[1:]:
        column = column.flatten()[column.type.get_field_index(key)]
    return column


def _places(pa: Any, where: str, whole: Any, column: Any) -> list[tuple[int, int] | None]:
    """Return the offset and the number of bytes of each value; None for a value that is missing."""
    large = pa.types.is_large_binary(column.type)
    if not large and not pa.types.is_binary(column.type):
        raise DataError(f"{where}: the images are of Arrow's type {column.type}, and not binary")
    _, ends, data = column.buffers()
    first = column.offset
    places = struct.unpack_from(f"<{len(column) + 1}{'q' if large else 'i'}", ends, first * (8 if large else 4))
    base = 0 if data is None else data.address - whole.address
    if base < 0 or base + places[-1] > whole.size:
        raise DataError(
            f"{where} is a compressed table, so an image cannot be read without others. cvkit could then keep "
            "neither the order of the training images nor an exact resume. Write the data again without compression"
        )
    found = zip(places, places[1:], column.is_valid().to_pylist(), strict=False)
    return [(base + begin, end - begin) if valid else None for begin, end, valid in found]
