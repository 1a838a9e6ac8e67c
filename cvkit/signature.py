"""A factory's signature, read from its source without importing it.

Checking a recipe must not load torch, so the parameters of ``"module:attribute"`` are read from the syntax
tree of the module's file. Names imported from elsewhere are followed. Where the source does not tell (a
compiled module, a dynamic attribute), the target is imported and inspected instead.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .annotations import evaluate
from .errors import PluginError

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<required>"})()

_FOLLOW_IMPORTS = 8


class Expression(str):
    """The source text of a default that is not a literal, such as ``Resample.BILINEAR``."""

    __slots__ = ()


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter: what a recipe may set.

    `annotation` is its source text; `type` the type it stands for, `typing.Any` where it cannot be told
    without running code; `default` is the literal default, an `Expression` where it is not a literal, or `MISSING`
    for a required option.
    """

    name: str
    annotation: str
    type: Any
    default: Any

    @property
    def required(self) -> bool:
        """Whether a recipe must give it."""
        return self.default is MISSING

    @property
    def literal(self) -> bool:
        """Whether `default` is the default itself, to be written into a resolved recipe."""
        return not (self.required or isinstance(self.default, Expression))


@dataclass(frozen=True)
class Signature:
    """What a factory takes: `supplied` by the run (positional), `options` from the recipe (keyword-only).

    `open` says that it also takes options it does not name. `file` and `line` say where it is written.
    """

    supplied: tuple[str, ...]
    options: dict[str, Option]
    open: bool
    doc: str
    file: str = ""
    line: int = 0


def split_target(target: str) -> tuple[str, str]:
    """Return (module, attribute) of ``"module:attribute"``; raise `PluginError` for anything else."""
    module, _, attribute = target.partition(":")
    if not (attribute.isidentifier() and all(part.isidentifier() for part in module.split("."))):
        raise PluginError(f"target '{target}' is not of the form 'package.module:attribute'")
    return module, attribute


@lru_cache(maxsize=512)
def read_signature(target: str, positional_options: bool = False) -> Signature:
    """Return the signature of ``"module:attribute"``, without importing it where its source can be read.

    With `positional_options`, ordinary parameters count as options too: the form of other libraries' classes.
    Raises `PluginError` where there is no such function or class.
    """
    module, attribute = split_target(target)
    found = _find(module, attribute)
    if found is None:
        return _imported_signature(target, module, attribute, positional_options)
    source, node = found
    return _static_signature(source, node, positional_options)


@dataclass(frozen=True, eq=False)
class _Source:
    """A parsed module."""

    name: str
    path: Path
    tree: ast.Module

    def definitions(self) -> Iterator[ast.stmt]:
        """Top-level statements, the last first, as a later one hides an earlier."""
        return reversed(self.tree.body)


@lru_cache(maxsize=256)
def _source(module: str) -> _Source | None:
    """Parse a module's file, found from its top-level package: finding a submodule by `find_spec` would import it."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    path = Path(spec.origin)
    if rest:
        stem = path.parent.joinpath(*rest)
        path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
    try:
        return _Source(module, path, ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return None


def _find(
    module: str, attribute: str, hops: int = _FOLLOW_IMPORTS
) -> tuple[_Source, ast.FunctionDef | ast.ClassDef] | None:
    source = _source(module)
    if source is None or hops == 0:
        return None
    for node in source.definitions():
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == attribute:
            return source, node
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == attribute:
                    return _find(_absolute(source, node), alias.name, hops - 1)
                if alias.name == "*" and (found := _find(_absolute(source, node), attribute, hops - 1)):
                    return found
    return None


def _absolute(source: _Source, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = source.name.split(".")
    keep = len(parts) - node.level + (source.path.name == "__init__.py")
    return ".".join([*parts[:keep], *filter(None, [node.module])])


def _static_signature(source: _Source, node: ast.FunctionDef | ast.ClassDef, positional_options: bool) -> Signature:
    function, skip = (node, 0) if isinstance(node, ast.FunctionDef) else (_initialiser(source, node), 1)
    if function is None:
        return Signature((), {}, False, ast.get_docstring(node) or "", str(source.path), node.lineno)
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args][skip:]
    defaults = dict(zip(reversed(positional), reversed(arguments.defaults), strict=False))
    keyword_only = dict(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    chosen = {**{a: defaults.get(a) for a in positional}, **keyword_only} if positional_options else keyword_only
    return Signature(
        supplied=() if positional_options else tuple(argument.arg for argument in positional),
        options={a.arg: _option(source, a, default) for a, default in chosen.items()},
        open=arguments.kwarg is not None,
        doc=ast.get_docstring(node) or "",
        file=str(source.path),
        line=node.lineno,
    )


def _initialiser(source: _Source, node: ast.ClassDef) -> ast.FunctionDef | None:
    """The class's ``__init__``, its own or the first base's that has one."""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            return item
    for base in node.bases:
        if isinstance(base, ast.Name) and (found := _find(source.name, base.id)):
            base_source, base_node = found
            if isinstance(base_node, ast.ClassDef) and (inherited := _initialiser(base_source, base_node)):
                return inherited
    return None


def _option(source: _Source, argument: ast.arg, default: ast.expr | None) -> Option:
    annotation = argument.annotation
    return Option(
        name=argument.arg,
        annotation=ast.unparse(annotation) if annotation else "",
        type=evaluate(annotation, _aliases(source)) if annotation else Any,
        default=MISSING if default is None else _literal(default),
    )


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return Expression(ast.unparse(node))


@lru_cache(maxsize=256)
def _aliases(source: _Source) -> dict[str, ast.expr]:
    """Types a module names itself, as in ``Padding = Literal["reflect", "constant"]``."""
    return {
        node.targets[0].id: node.value
        for node in source.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def _imported_signature(target: str, module: str, attribute: str, positional_options: bool) -> Signature:
    try:
        factory = getattr(importlib.import_module(module), attribute)
        parameters = inspect.signature(factory).parameters.values()
        hints = typing.get_type_hints(
            factory if inspect.isfunction(factory) else factory.__init__, include_extras=True
        )
    except (ImportError, AttributeError, TypeError, ValueError, NameError) as error:
        raise PluginError(f"target '{target}' cannot be read: {type(error).__name__}: {error}") from error
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    return Signature(
        supplied=() if positional_options else tuple(p.name for p in positional),
        options={
            p.name: Option(
                p.name,
                "" if p.annotation is p.empty else inspect.formatannotation(p.annotation),
                hints.get(p.name, Any),
                MISSING if p.default is p.empty else p.default,
            )
            for p in [*(positional if positional_options else []), *keyword_only]
        },
        open=any(p.kind is p.VAR_KEYWORD for p in parameters),
        doc=inspect.getdoc(factory) or "",
    )
