"""Checks values against the types of options, and describes both in plain words."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from ..signatures.nested import nests_one
from ..signatures.signature import Option

_WIDEST_VALUE = 60
_NOUNS = {int: "integer", float: "number", str: "text", bool: "true or false", type(None): "null"}


class Nested:
    """A value that is itself a part of the recipe, with a name and options."""

    def plain(self) -> dict[str, Any]:
        """Return the name and the options."""
        raise NotImplementedError


@dataclass(frozen=True)
class Words:
    """The description of a type, as metadata in ``Annotated[..., Words("a folder name")]``."""

    text: str


def coerce(value: Any, option: Option) -> Any:
    """Return `value` from a recipe, converted to the option's type: a list to a tuple, 1 to 1.0.

    Always accepts the option's default. Raises `ValueError` with a description of the expected type.
    """
    try:
        text = _json(value)
    except (TypeError, ValueError):
        raise ValueError(f"expected {describe(option.type)}, got {value!r}") from None
    if has_plain_default(option) and text == _json(option.default) and not _is_path(option.type):
        return option.default
    if option.type is Any:
        return json.loads(text)
    try:
        adapter = TypeAdapter(option.type)
        # Twice: pydantic picks the best member of a union, and [1, 0.5] may match another one than [1.0, 0.5].
        typed = adapter.validate_json(text, strict=True)
        return adapter.validate_json(_json(plain_value(typed)), strict=True)
    except (PydanticUserError, TypeError):  # pydantic or JSON does not support the type; the factory checks it
        return json.loads(text)
    except ValidationError:
        raise ValueError(f"expected {describe(option.type)}, got {show(value)}") from None


def _is_path(kind: Any) -> bool:
    """Return whether a type is a path, or one that may be null. A path's default may be declared as text."""
    return any(isinstance(each, type) and issubclass(each, PurePath) for each in (kind, *get_args(kind)))


def has_plain_default(option: Option) -> bool:
    """Whether a recipe can express the option's default: text, numbers, true, false, null, or lists of them."""
    try:
        return option.literal and bool(_json(option.default))
    except (TypeError, ValueError):
        return False


def plain_value(value: Any) -> Any:
    """Return an option's value as the lists, mappings and scalars of a recipe."""
    match value:
        case dict():
            return {str(key): plain_value(item) for key, item in value.items()}
        case list() | tuple():
            return [plain_value(item) for item in value]
        case set() | frozenset():
            return sorted(map(plain_value, value), key=str)
        case PurePath():
            return str(value)
        case Nested():
            return plain_value(value.plain())
    return value


def show(value: Any) -> str:
    """Return a value as written in a recipe, truncated if long: ``'big'``, ``true``, ``[1, 2]``."""
    match value:
        case None | bool():
            text = {None: "null", True: "true", False: "false"}[value]
        case dict():
            text = "{" + ", ".join(f"{key}: {show(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            text = "[" + ", ".join(map(show, value)) + "]"
        case _:
            text = repr(value)
    return text if len(text) <= _WIDEST_VALUE else text[: _WIDEST_VALUE - 3] + "..."


def describe(kind: Any) -> str:
    """Return a type in words: "a positive integer", "'fp32' or 'bf16'", "a list in which each entry is a number"."""
    origin, arguments = get_origin(kind), get_args(kind)
    if nests_one(kind):
        return "a data set"
    if origin is Annotated:
        return _describe_bounded(arguments[0], arguments[1:])
    if origin in (Union, types.UnionType):
        return _either(map(describe, (kind for kind in arguments if kind is not type(None))), type(None) in arguments)
    if origin is Literal:
        return _either(map(show, arguments))
    if kind in _NOUNS or kind is None:
        noun = _NOUNS.get(kind, "null")
        return {"integer": "an integer", "number": "a number"}.get(noun, noun)
    holder = origin or kind
    if holder is tuple and arguments and ... not in arguments:
        return f"a list of {len(arguments)}: {', '.join(map(describe, arguments))}"
    if isinstance(holder, type) and issubclass(holder, Mapping):
        return "a mapping"
    if isinstance(holder, type) and issubclass(holder, Iterable):
        return (
            f"a list in which each entry is {describe(arguments[0])}"
            if arguments and arguments[0] is not Any
            else "a list"
        )
    if isinstance(holder, type) and issubclass(holder, PurePath):
        return "a path"
    return "any value" if kind is Any else str(kind)


def _describe_bounded(kind: Any, metadata: Iterable[Any]) -> str:
    constraints = [c for item in metadata for c in (item.metadata if isinstance(item, FieldInfo) else [item])]
    for constraint in constraints:
        if isinstance(constraint, Words):
            return constraint.text
    bounds = {
        name: getattr(constraint, name)
        for constraint in constraints
        for name in ("gt", "ge", "lt", "le")
        if getattr(constraint, name, None) is not None
    }
    if bounds == {"gt": 0} and kind in (int, float):
        return f"a positive {_NOUNS[kind]}"
    if bounds.keys() == {"ge", "le"}:
        return f"{describe(kind)} from {bounds['ge']} to {bounds['le']}"
    words = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}
    limits = " and ".join(f"{words[name]} {bounds[name]}" for name in words if name in bounds)
    return f"{describe(kind)} {limits}".strip()


def _either(words: Iterable[str], or_null: bool = False) -> str:
    *others, last = words
    return (f"{', '.join(others)} or {last}" if others else last) + (", or null" if or_null else "")


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
