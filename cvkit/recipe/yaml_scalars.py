"""Reads plain YAML 1.2 scalars: null, true, false, numbers or text."""

from __future__ import annotations

import math
import re
from typing import TypeAlias

ScalarValue: TypeAlias = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_BASES = {"0o": 8, "0x": 16}
_LONGEST_INTEGER = 64  # characters; Python refuses to parse integers with thousands of digits


def read_scalar(text: str) -> ScalarValue:
    """Return the value of the plain scalar `text` in the core schema of YAML 1.2 (chapter 10.3.2).

    For example, ``1e-3`` is a number, ``012`` is twelve, and ``no``, ``on`` and ``12:30:45`` are text. Raises
    `ValueError` for an integer that does not fit in 64 bits, and for infinity and NaN.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        number = int(text, _BASES.get(text[:2], 10)) if len(text) <= _LONGEST_INTEGER else 2**64
        if not -(2**63) <= number < 2**63:
            raise ValueError("integers must fit in 64 bits")
        return number
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError("the number is too large for a 64-bit float")
        return value
    if _NON_FINITE.fullmatch(text):
        raise ValueError("numbers must be finite")
    return text
