"""YAML 1.2 core scalars: which plain text is null, true, false or a number, and what is too large to be one."""

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
_LONGEST_INTEGER = 64  # characters; Python itself refuses to read integers of thousands of digits


def read_scalar(text: str) -> ScalarValue:
    """Return what plain `text` stands for under the core schema of YAML 1.2 (chapter 10.3.2).

    So ``1e-3`` is a number, ``012`` is twelve, and ``no``, ``on`` and ``12:30:45`` are text. Raises `ValueError`
    for an integer beyond 64 bits and for a number that is infinite or not a number.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        number = int(text, _BASES.get(text[:2], 10)) if len(text) <= _LONGEST_INTEGER else 2**64
        if not -(2**63) <= number < 2**63:
            raise ValueError("integers are limited to 64 bits")
        return number
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError("the number is too large: it would be infinite")
        return value
    if _NON_FINITE.fullmatch(text):
        raise ValueError("only finite numbers are accepted")
    return text
