"""Decode the arrays in samples of LitData and MosaicML Streaming (MDS), without a library and without pickles.

Sources of the encodings: ``TensorSerializer``, ``NumpySerializer`` and those without a header in
``litdata/streaming/serializers.py`` with the tables in ``litdata/constants.py`` (LitData 0.2.76), and ``NDArray`` in
``streaming/base/format/mds/encodings.py`` (MosaicML Streaming 0.13.0).
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
_TENSORS = {
    **{0: "<f4", 1: "<f4", 2: "<f8", 3: "<f8", 8: "<f2", 9: "<f2", 11: "|u1", 12: "|i1", 13: "<i2", 14: "<i2"},
    **{15: "<i4", 16: "<i4", 17: "<i8", 18: "<i8", 19: "|b1", 20: "<u2"},
}
"""LitData's numbers of torch's types; complex numbers and bfloat16 are left out."""
_ARRAYS = dict(enumerate(("|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"))) | {13: "|b1"}
"""LitData's numbers of numpy's types; complex numbers, objects and texts are left out."""
_MDS = {
    **{"uint8": "|u1", "int8": "|i1", "uint16": "<u2", "int16": "<i2", "uint32": "<u4", "int32": "<i4"},
    **{"uint64": "<u8", "int64": "<i8", "float16": "<f2", "float32": "<f4", "float64": "<f8"},
}
_MDS_NUMBERS = {
    **{8: "uint8", 9: "int8", 16: "uint16", 17: "int16", 18: "float16", 32: "uint32", 33: "int32", 34: "float32"},
    **{64: "uint64", 65: "int64", 66: "float64"},
}


def is_array(kind: str) -> bool:
    """Return whether a format of LitData or MDS is that of an array."""
    return kind.partition(":")[0] in ("tensor", "no_header_tensor", "numpy", "no_header_numpy", "ndarray")


def array_of(kind: str, content: bytes) -> Array:
    """Return the array in the bytes of a field; raise `ValueError` if they are damaged or have no numbers."""
    name, _, detail = kind.partition(":")
    try:
        match name:
            case "tensor":
                number, rank = struct.unpack_from(">II", content)
                shape = struct.unpack_from(f">{rank}I", content, 8)
                return _shaped(_TENSORS[number], shape, content[8 + 4 * rank :])
            case "numpy":
                number, rank = struct.unpack_from("<II", content)
                shape = struct.unpack_from(f"<{rank}I", content, 8)
                return _shaped(_ARRAYS[number], shape, content[8 + 4 * rank :])
            case "no_header_tensor":
                return np.frombuffer(content, _TENSORS[int(detail)])
            case "no_header_numpy":
                return np.frombuffer(content, _ARRAYS[int(detail)])
            case _:
                return _ndarray(detail, content)
    except (struct.error, KeyError, IndexError, ValueError, MemoryError) as error:
        raise ValueError(f"its bytes are not an array of numbers in the format {kind}") from error


def _ndarray(detail: str, content: bytes) -> Array:
    """Return an array of MDS; `detail` has its type and its shape if all arrays have the same."""
    of_type, _, of_shape = detail.partition(":")
    if not of_type:
        of_type, content = _MDS_NUMBERS[content[0]], content[1:]
    if of_shape:
        return _shaped(_MDS[of_type], tuple(map(int, of_shape.split(","))), content)
    rank, width = content[0] >> 2, 1 << content[0] % 4
    shape = np.frombuffer(content[1 : 1 + rank * width], f"<u{width}")
    return _shaped(_MDS[of_type], tuple(map(int, shape)), content[1 + rank * width :])


def _shaped(dtype: str, shape: tuple[int, ...], content: bytes) -> Array:
    return np.frombuffer(content, dtype).reshape(shape)
