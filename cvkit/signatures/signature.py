"""Reads the signature of a factory from its source, without importing it.

Checking a recipe must not import torch, so the parameters of ``"module:attribute"`` are read from the syntax tree of
the module. Imported names are followed. If the source does not contain the signature (a compiled module, a dynamic
attribute), the target is imported and inspected.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..errors import PluginError
from .lookup import Definition, ModuleSource, find
from .static_types import Lookup, evaluate

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<required>"})()


class Expression(str):
    """The source of a default that is not a literal, such as ``Resample.BILINEAR``."""

    __slots__ = ()


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of a factory, which a recipe may set.

    Attributes:
        name: The name of the parameter.
        annotation: The source of its annotation.
        type: The annotated type, or `typing.Any` if it cannot be determined without running code.
        default: The default, `MISSING` for a required option, or an `Expression` if the default is not a literal.
    """

    name: str
    annotation: str
    type: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether a recipe must set the option."""
        return self.default is MISSING

    @property
    def literal(self) -> bool:
        """Whether `default` is the value of the default, which a resolved recipe contains."""
        return not (self.required or isinstance(self.default, Expression))


@dataclass(frozen=True)
class Signature:
    """The parameters of a factory.

    Attributes:
        positional: Names of the positional parameters, which the run supplies.
        options: The keyword-only parameters, which a recipe sets, by name.
        accepts_extra: Whether the factory has a ``**kwargs`` parameter.
        doc: The docstring.
        file: The file that defines the factory, or empty if unknown.
        line: The line of the definition, or 0.
        variadic: Whether the factory has an ``*args`` parameter.
    """

    positional: tuple[str, ...]
    options: dict[str, Option]
    accepts_extra: bool
    doc: str
    file: str = ""
    line: int = 0
    variadic: bool = False


def split_target(target: str) -> tuple[str, str]:
    """Return (module, attribute) of ``"module:attribute"``; raise `PluginError` for any other text."""
    module, _, attribute = target.partition(":")
    if not (attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise PluginError(f"target '{target}' does not have the form 'package.module:attribute'")
    return module, attribute


@lru_cache(maxsize=512)
def read_signature(target: str, positional_options: bool = False) -> Signature:
    """Return the signature of ``"module:attribute"``, without importing it if its source can be read.

    With `positional_options`, positional parameters are options too, as for the classes of other libraries. Raises
    `PluginError` if there is no such function or class.
    """
    module, attribute = split_target(target)
    found = find(module, attribute)
    static = _static_signature(found.source, found.node, positional_options) if found else None
    return static or _imported_signature(target, module, attribute, positional_options)


def _static_signature(
    source: ModuleSource, node: ast.FunctionDef | ast.ClassDef | ast.expr, positional_options: bool
) -> Signature | None:
    match node:
        case ast.FunctionDef():
            home, function = source, node
        case ast.ClassDef() if found := _initialiser(source, node):
            home, function = found
        case _:
            return None
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if function is not node:
        positional = positional[1:]  # self
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    keyword_only = dict(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    chosen = {**{a: defaults.get(a) for a in positional}, **keyword_only} if positional_options else keyword_only
    return Signature(
        positional=() if positional_options else tuple(argument.arg for argument in positional),
        options={a.arg: _option(home, a, default) for a, default in chosen.items()},
        accepts_extra=arguments.kwarg is not None,
        doc=ast.get_docstring(node) or "",
        file=str(source.path),
        line=node.lineno,
        variadic=arguments.vararg is not None,
    )


def _initialiser(source: ModuleSource, node: ast.ClassDef) -> tuple[ModuleSource, ast.FunctionDef] | None:
    """Return the ``__init__`` of a class or of its first base with one, and the module that contains it.

    Returns None if the source has none: a dataclass, or a base that is compiled or an attribute.
    """
    for item in reversed(node.body):
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return source, item
    for base in node.bases:
        match isinstance(base, ast.Name) and find(source.name, base.id):
            case Definition(source=home, node=ast.ClassDef() as parent) if parent is not node:
                if inherited := _initialiser(home, parent):
                    return inherited
            case _:
                return None
    return None


def _option(source: ModuleSource, argument: ast.arg, default: ast.expr | None) -> Option:
    annotation = argument.annotation
    return Option(
        name=argument.arg,
        annotation=ast.unparse(annotation) if annotation else "",
        type=evaluate(annotation, _names(source.name)) if annotation else Any,
        default=MISSING if default is None else _literal(default),
    )


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError):
        return Expression(ast.unparse(node))


def _names(module: str) -> Lookup:
    """Return a lookup of type aliases in the module's own package: ``Padding = Literal["reflect", "constant"]``."""

    def lookup(name: str) -> tuple[ast.expr, Lookup] | None:
        found = find(module, name, within=module.partition(".")[0])
        return (found.node, _names(found.source.name)) if found and isinstance(found.node, ast.expr) else None

    return lookup


def _imported_signature(target: str, module: str, attribute: str, positional_options: bool) -> Signature:
    try:
        return signature_of(getattr(importlib.import_module(module), attribute), positional_options)
    except (Exception, SystemExit) as error:  # a third-party module may raise anything when imported
        raise PluginError(f"target '{target}' cannot be read: {type(error).__name__}: {error}") from error


def signature_of(function: Callable[..., Any], positional_options: bool = False) -> Signature:
    """Return the signature of a function object.

    Raises `ValueError` or `TypeError` if Python does not know it, as for some compiled functions.
    """
    parameters = inspect.signature(function).parameters.values()
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    chosen = [*positional, *keyword_only] if positional_options else keyword_only
    return Signature(
        positional=() if positional_options else tuple(p.name for p in positional),
        options={p.name: _imported_option(p, _names(function.__module__ or "")) for p in chosen},
        accepts_extra=any(p.kind is p.VAR_KEYWORD for p in parameters),
        doc=inspect.getdoc(function) or "",
        variadic=any(p.kind is p.VAR_POSITIONAL for p in parameters),
    )


def _imported_option(parameter: inspect.Parameter, names: Lookup) -> Option:
    default = MISSING if parameter.default is parameter.empty else parameter.default
    match parameter.annotation:
        case parameter.empty:
            return Option(parameter.name, "", Any, default)
        case str(text):
            return Option(parameter.name, text, evaluate(ast.Constant(text), names), default)
        case annotation:
            return Option(parameter.name, inspect.formatannotation(annotation), annotation, default)
