"""Writes JSON that every reader accepts, and reads untrusted JSON strictly, with errors that name the field."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_LONGEST = 60  # characters of a value shown in an error

Count = Annotated[int, Field(ge=0, le=1 << 53)]
"""A number of steps, epochs or images, up to the largest integer that all JSON readers represent exactly."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class Shape(BaseModel):
    """The required fields of a mapping with their exact types. Other fields are allowed."""

    model_config = ConfigDict(strict=True, extra="allow", arbitrary_types_allowed=True)


def read_json(content: bytes) -> Any:
    """Return the value of UTF-8 JSON.

    Raises `ValueError` if it is not valid, has a duplicate key, NaN or an infinity, or if its numbers are too long or
    its values nested too deeply for Python.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_mapping, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def json_line(value: Any, indent: int | None = None) -> bytes:
    r"""Return a JSON value as UTF-8 with a line feed at the end; `indent` is the indentation if it has several lines.

    Numbers that are not finite, which JSON does not have, become null. Bytes of a file name that are not UTF-8 become
    escapes such as ``\udcff``, from which `read_json` returns the same name.
    """
    text = json.dumps(finite(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return f"{text}\n".encode("utf-8", "backslashreplace")


def finite(value: Any) -> Any:
    """Return a JSON value in which numbers that are not finite are replaced by None, and tuples by lists."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def require_shape(shape: type[Shape], value: Any) -> None:
    """Raise `ValueError` with the first field of the JSON value `value` that does not match `shape`."""
    # Invalid Unicode, such as file names with other bytes, is not checked here.
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    try:
        shape.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(misfit(error)) from None


def misfit(error: ValidationError) -> str:
    """Return the first mismatch and the number of others, as in ``'sessions.0.after_step': ...``."""
    problems = error.errors(include_url=False)
    first, more = problems[0], f" ({len(problems) - 1} more)" * (len(problems) > 1)
    place = ".".join(map(str, first["loc"]))
    message = first["msg"][:1].lower() + first["msg"][1:]
    shown = "" if first["type"] in ("missing", "value_error") else f", not {_shown(first['input'])}"
    where = f"'{place}': " if place else ""
    return f"{where}{message}{shown}{more}"


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"it has the key '{twice}' twice")
    return mapping


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is not a JSON number")
