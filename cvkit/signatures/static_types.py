"""Evaluates type annotations from their syntax tree, without running the module that contains them."""

from __future__ import annotations

import ast
import collections.abc
import contextlib
import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, Union

from .nested import NestedDataset

_MODULES = {"typing", "t", "collections", "abc", "pydantic", "pathlib", "builtins", "numbers", "cvkit"}


Lookup = Callable[[str], "tuple[ast.expr, Lookup] | None"]
"""Returns the expression that a module assigns to a name and the lookup of that module, or None."""


class _Unknown(Exception):
    """The annotation contains a name that cannot be evaluated without importing it."""


def evaluate(node: ast.expr, lookup: Lookup) -> Any:
    """Return the type that `node` expresses, or `typing.Any` if it cannot be evaluated.

    `lookup` finds the names of the surrounding module. Members of a union that cannot be evaluated are left out, so
    ``Tensor | float`` becomes ``float``: a recipe cannot contain a tensor.
    """
    try:
        return _type(node, lookup)
    except (_Unknown, TypeError, ValueError, SyntaxError, RecursionError):
        return Any


@functools.lru_cache(maxsize=1)
def _known() -> dict[str, Any]:
    import pydantic  # 50 ms, which only checking a recipe needs

    names: dict[str, Any] = {t.__name__: t for t in (int, float, bool, str, list, tuple, dict, set)}
    names |= {name: getattr(collections.abc, name) for name in ("Sequence", "Mapping", "Iterable")}
    for name in ("PositiveInt", "NonNegativeInt", "PositiveFloat", "NonNegativeFloat"):
        names[name] = getattr(pydantic, name)
    names |= {"List": list, "Tuple": tuple, "Dict": dict, "Path": pathlib.Path, "Splits": NestedDataset}
    return names | {"Number": float, "object": Any, "Any": Any}


def _type(node: ast.expr, lookup: Lookup) -> Any:
    match node:
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str(text)):
            return _type(ast.parse(text, mode="eval").body, lookup)
        case ast.Constant(value=value) if value is ...:
            return ...
        case ast.Name(id=name) if found := lookup(name):
            return _type(*found)
        case ast.Name(id=name) if name in _known():
            return _known()[name]
        case ast.Attribute(attr=name) if _root(node) in _MODULES and name in _known():
            return _known()[name]
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _union([left, right], lookup)
        case ast.Subscript(value=generic, slice=argument):
            arguments = argument.elts if isinstance(argument, ast.Tuple) else [argument]
            return _subscript(generic, arguments, lookup)
    raise _Unknown


def _subscript(generic: ast.expr, arguments: list[ast.expr], lookup: Lookup) -> Any:
    match generic.id if isinstance(generic, ast.Name) else generic.attr if isinstance(generic, ast.Attribute) else "":
        case "Literal":
            return Literal[tuple(ast.literal_eval(argument) for argument in arguments)]
        case "Union":
            return _union(arguments, lookup)
        case "Optional":
            return _union([*arguments, ast.Constant(None)], lookup)
        case "Annotated":
            kind, bounds = _type(arguments[0], lookup), [*_bounds(arguments[1:])]
            return Annotated[(kind, *bounds)] if bounds else kind
    return _type(generic, lookup)[tuple(_type(argument, lookup) for argument in arguments)]


def _union(members: list[ast.expr], lookup: Lookup) -> Any:
    known = []
    for member in members:
        try:
            known.append(_type(member, lookup))
        except _Unknown:
            continue
    if all(member is None for member in known):
        raise _Unknown
    return Union[tuple(known)]  # noqa: UP007  # built from a list


def _bounds(metadata: list[ast.expr]) -> Iterator[Any]:
    """Yield every pydantic ``Field(ge=0, le=1)`` with literal bounds; other metadata is ignored."""
    import pydantic

    for node in metadata:
        match node:
            case ast.Call(func=ast.Name(id="Field") | ast.Attribute(attr="Field"), keywords=keywords):
                with contextlib.suppress(ValueError, TypeError):
                    yield pydantic.Field(**{str(k.arg): ast.literal_eval(k.value) for k in keywords})


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
