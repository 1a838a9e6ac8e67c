"""Writes an option as a JSON Schema (draft 7): the accepted values and the description that editors show."""

from __future__ import annotations

from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from ..signatures.docstring import parse_docstring
from ..signatures.nested import nests_one, nests_several
from ..signatures.signature import Expression, Option
from .coercion import describe, has_plain_default, plain_value
from .recipe import AUTO

Schema = dict[str, Any]
_DATASET: Schema = {"$ref": "#/definitions/datasets.whole"}


def option_schema(option: Option, text: str = "", settable: bool = False) -> Schema:
    """Return the schema of the values that `coerce` accepts for `option`; `text` describes the option.

    If `settable`, a tuner may set the option, so ``auto`` is accepted too. A type that JSON cannot express accepts
    every value, as in a check.
    """
    schema = _type_schema(option)
    if schema and settable:
        schema = {"anyOf": [schema, {"const": AUTO, "description": "The value that a tuner proposes."}]}
    sentences = [describe(option.type), text]
    if isinstance(option.default, Expression):
        sentences.append(f"Default: {option.default}")
    schema["description"] = " ".join(map(_sentence, filter(None, sentences)))
    if has_plain_default(option):
        schema["default"] = plain_value(option.default)
    return schema


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _type_schema(option: Option) -> Schema:
    if option.type is Any:
        return {}
    if nests_one(option.type):
        return {"allOf": [_DATASET]}
    if nests_several(option.type):
        return {"type": "array", "items": _DATASET, "minItems": 1}
    try:
        adapter = TypeAdapter(option.type)
        schema: Schema = _draft_7(_inlined(adapter.json_schema()))
    except (PydanticUserError, TypeError):
        return {}
    if has_plain_default(option) and not _accepts(adapter, option.default):
        return {"anyOf": [schema, {"const": plain_value(option.default)}]}
    return schema


def _accepts(adapter: TypeAdapter[Any], default: Any) -> bool:
    try:
        adapter.validate_python(default, strict=True)
    except ValidationError:
        return False
    return True


def _inlined(schema: Schema) -> Schema:
    """Replace references by their definitions; where a type contains itself, every value is accepted."""
    definitions = schema.pop("$defs", {})

    def inline(node: Any, within: tuple[str, ...] = ()) -> Any:
        match node:
            case {"$ref": str(reference), **others}:
                name = reference.rpartition("/")[2]
                return {} if name in within else inline({**definitions[name], **others}, (*within, name))
            case dict():
                return {key: inline(value, within) for key, value in node.items()}
            case list():
                return [inline(value, within) for value in node]
        return node

    inlined: Schema = inline(schema)
    return inlined


def _draft_7(node: Any) -> Any:
    """Write lists of fixed length in the form of draft 7."""
    match node:
        case {"prefixItems": items, **others}:
            return _draft_7({**others, "items": items})
        case dict():
            return {key: _draft_7(value) for key, value in node.items()}
        case list():
            return [_draft_7(value) for value in node]
    return node


def option_text(doc: str, name: str) -> str:
    """Return what a docstring says about the option `name`, on one line; empty if it says nothing."""
    return parse_docstring(doc).about(name)
