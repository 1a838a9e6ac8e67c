"""Read the labels in samples of LitData and MosaicML Streaming (MDS)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from cvkit import DataError

from ..indexed.scanned_labels import Label, is_label, number_or_name
from ..indexed.stored_arrays import array_of, is_array
from .listing import ChunkListing, FieldFormat

_INTEGERS = {
    **{"int": "<i8", "bool": "|u1", "uint8": "|u1", "int8": "|i1", "uint16": "<u2", "int16": "<i2"},
    **{"uint32": "<u4", "int32": "<i4", "uint64": "<u8", "int64": "<i8"},
}
_TEXTS = {"str", "text", "bytes", "str_int"}
_PICKLES = {"pickle", "pkl"}


def is_label_field(kind: str) -> bool:
    """Return whether a format of LitData or MDS may contain labels that cvkit reads."""
    return kind in _INTEGERS or kind in _TEXTS or may_have_several(kind)


def may_have_several(kind: str) -> bool:
    """Return whether the values of a format may be sets of labels."""
    return kind == "json" or is_array(kind)


def refusal(kind: str) -> str:
    """Return why a field of a format is not read."""
    if kind in _PICKLES:
        return "its values are pickled, and reading them would run code from the data; write numbers or text instead"
    return f"cvkit does not read the format {kind} there"


class Labels:
    """Turns the bytes of a field into labels; `several` are sets of labels.

    A set is a list in JSON, or an array with 0 or 1 for each class. `width` is the length of such arrays, else None.
    """

    def __init__(self, listing: ChunkListing, field: FieldFormat, several: bool) -> None:
        self._mds, self._kind, self._several = listing.mds, field.kind, several
        self.width: int | None = None
        if self._kind == "json" and not self._mds:
            _json_of_litdata(b"{}")  # the package may be missing, which is not the fault of a sample

    def of(self, content: bytes) -> Label:
        """Return the label in the bytes of a field; raise `ValueError` if they are no label."""
        return self.of_value(self._value(content))

    def of_value(self, value: Any) -> Label:
        """Return a label; raise `ValueError` if the value is none."""
        if isinstance(value, bytes):
            value = _text(value)
        if isinstance(value, bool):
            value = int(value)
        if isinstance(value, np.ndarray):
            return self._hot(value) if self._several else self._number(value)
        if isinstance(value, list) and self._several:
            if not all(is_label(one) for one in value):
                raise ValueError("no labels: its list has not only numbers and texts")
            return tuple(dict.fromkeys(_checked(one) for one in value))
        if isinstance(value, list) and len(value) != 1:
            raise ValueError(
                f"it has {len(value)} labels; set several_labels: true if an image may have several or none"
            )
        one = value[0] if isinstance(value, list) else value
        if not is_label(one):
            raise ValueError("no label: it is neither a number nor a text")
        return (_checked(one),) if self._several else _checked(one)

    def _value(self, content: bytes) -> Any:
        if self._kind in _INTEGERS:
            dtype = np.dtype(_INTEGERS[self._kind])
            if len(content) != dtype.itemsize:
                raise ValueError(f"its label has {len(content)} bytes, and the format {self._kind} {dtype.itemsize}")
            return int(np.frombuffer(content, dtype)[0])
        if self._kind in _TEXTS:
            return _text(content)
        if self._kind == "json":
            return _json_of_mds(content) if self._mds else _json_of_litdata(content)
        return array_of(self._kind, content)

    def _hot(self, array: np.ndarray[Any, Any]) -> Label:
        if array.ndim != 1 or not np.isin(array, (0, 1)).all():
            raise ValueError(
                f"its labels are an array {array.dtype.name} {array.shape}, and not one with 0 or 1 for each class"
            )
        self.width = len(array) if self.width is None else self.width
        if len(array) != self.width:
            raise ValueError(f"its labels are an array of length {len(array)}, and others have {self.width}")
        return tuple(int(place) for place in array.nonzero()[0])

    def _number(self, array: np.ndarray[Any, Any]) -> int:
        if array.size != 1 or array.dtype.kind not in "iu":
            raise ValueError(
                f"its label is an array {array.dtype.name} {array.shape}, and not one whole number; set "
                "several_labels: true if it has 0 or 1 for each class"
            )
        return int(_checked(int(array.item())))


def _checked(value: int | str) -> int | str:
    if isinstance(value, str):
        return number_or_name(value.strip())
    if value < 0:
        raise ValueError(f"its label is {value}, and numbers of classes begin with 0")
    return value


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ValueError("no label: it is not UTF-8 text") from None


def _json_of_mds(content: bytes) -> Any:
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no label: it is not JSON: {error}") from None


def _json_of_litdata(content: bytes) -> Any:
    """LitData writes lists and dictionaries in a form of its own, which its own class reads, without pickles."""
    try:
        from litdata.streaming.serializers import JsonSerializer
    except ImportError:
        raise DataError(
            "reading lists of labels that LitData wrote requires litdata: pip install 'cvkit-core[litdata]'"
        ) from None
    try:
        return JsonSerializer().deserialize(content)
    except Exception as error:  # damaged bytes raise many kinds of errors
        raise ValueError("no label: it is not a list that LitData wrote") from error
