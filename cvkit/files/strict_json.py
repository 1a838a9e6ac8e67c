"""JSON that may come from a stranger: read strictly, and held to a shape whose fields are named in errors."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_LONGEST = 60  # characters of a value shown in an error

Count = Annotated[int, Field(ge=0, le=1 << 53)]
"""Steps, epochs or images: no more than every reader of JSON keeps exact."""

Number = Annotated[float, Field(allow_inf_nan=False)]


class Shape(BaseModel):
    """What a mapping must hold: each value of its exact type. Keys that are not declared pass."""

    model_config = ConfigDict(strict=True, extra="allow", arbitrary_types_allowed=True)


def read_json(content: bytes) -> Any:
    """Return what UTF-8 JSON holds; raise `ValueError` where it is none, says a key twice, or NaN or an infinity.

    The same where numbers are longer or values nested deeper than Python reads.
    """
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_mapping, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None


def require_shape(shape: type[Shape], value: Any) -> None:
    """Raise `ValueError` naming the first field of `value`, as JSON was read, that is not as `shape` declares."""
    # Text that is no Unicode, such as a file name of other bytes, is none of the shape's business.
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    try:
        shape.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(misfit(error)) from None


def misfit(error: ValidationError) -> str:
    """Return the first thing that does not fit, and how many more there are: ``'sessions.0.after_step': ...``."""
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
        raise ValueError(f"it says '{twice}' twice")
    return mapping


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
