"""A type annotation, from its syntax tree to the type it stands for, without running the code around it."""

from __future__ import annotations

import ast
import collections.abc
import functools
import pathlib
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

_MODULES = {"typing", "t", "collections", "abc", "pydantic", "pathlib", "builtins"}


class _Unknown(Exception):
    """The annotation names something that cannot be told without importing it."""


def evaluate(node: ast.expr, aliases: Mapping[str, ast.expr]) -> Any:
    """Return the type `node` stands for, or `typing.Any` where that cannot be told.

    `aliases`: names the module gives to types of its own. A member of a union that cannot be told is left out,
    so ``Tensor | float`` becomes ``float``: a recipe has no way to write a tensor.
    """
    try:
        return _type(node, aliases)
    except (_Unknown, TypeError, ValueError, SyntaxError, RecursionError):
        return Any


@functools.lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    import pydantic  # 50 ms that only recipes being checked need to pay

    names: dict[str, Any] = {t.__name__: t for t in (int, float, bool, str, list, tuple, dict, set, object)}
    names |= {name: getattr(typing, name) for name in ("Any", "List", "Tuple", "Dict")}
    names |= {name: getattr(collections.abc, name) for name in ("Sequence", "Mapping", "Iterable")}
    for name in ("PositiveInt", "NonNegativeInt", "PositiveFloat", "NonNegativeFloat"):
        names[name] = getattr(pydantic, name)
    return names | {"Path": pathlib.Path, "object": Any}


def _type(node: ast.expr, aliases: Mapping[str, ast.expr]) -> Any:
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str(text)):
            return _type(ast.parse(text, mode="eval").body, aliases)
        case ast.Constant(value=value) if value is ...:
            return ...
        case ast.Name(id=name) if name in aliases:
            return _type(aliases[name], {key: value for key, value in aliases.items() if key != name})
        case ast.Name(id=name) if name in _known():
            return _known()[name]
        case ast.Attribute(attr=name) if _root(node) in _MODULES and name in _known():
            return _known()[name]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([left, right], aliases)
        case ast.Subscript(value=generic, slice=argument):
            arguments = argument.elts if isinstance(argument, ast.Tuple) else [argument]
            return _subscript(generic, arguments, aliases)
    raise _Unknown


def _subscript(generic: ast.expr, arguments: list[ast.expr], aliases: Mapping[str, ast.expr]) -> Any:
    match generic.id if isinstance(generic, ast.Name) else generic.attr if isinstance(generic, ast.Attribute) else "":
        case "Literal":
            return Literal[tuple(ast.literal_eval(argument) for argument in arguments)]
        case "Union":
            return _union(arguments, aliases)
        case "Optional":
            return _union([*arguments, ast.Constant(None)], aliases)
        case "Annotated":
            return Annotated[(_type(arguments[0], aliases), *map(_constraint, arguments[1:]))]
    return _type(generic, aliases)[tuple(_type(argument, aliases) for argument in arguments)]


def _union(members: list[ast.expr], aliases: Mapping[str, ast.expr]) -> Any:
    known = []
    for member in members:
        try:
            known.append(_type(member, aliases))
        except _Unknown:
            continue
    if all(member is None for member in known):
        raise _Unknown
    return Union[tuple(known)]  # noqa: UP007  # made from a list


def _constraint(node: ast.expr) -> Any:
    """``Field(ge=0, le=1)`` of pydantic, its bounds literal."""
    import pydantic

    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field"):
        raise _Unknown
    return pydantic.Field(
        **{keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg}
    )


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
