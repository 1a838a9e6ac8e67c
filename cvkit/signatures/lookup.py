"""Finds the definition of a module's attribute in the source, without importing the module."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_FOLLOW_IMPORTS = 8
_TypeAlias: Any = getattr(ast, "TypeAlias", ast.AnnAssign)  # ``type X = ...``, from Python 3.12 on


@dataclass(frozen=True, eq=False)
class ModuleSource:
    """A parsed module."""

    name: str
    path: Path
    tree: ast.Module

    def statements(self) -> Iterator[ast.stmt]:
        """Yield the top-level statements in reverse order, because later definitions replace earlier ones."""
        for node in reversed(self.tree.body):
            if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
                yield from reversed(node.body)
            else:
                yield node


@dataclass(frozen=True, eq=False)
class Definition:
    """The definition of an attribute (a function, a class or an assigned expression) and its module."""

    source: ModuleSource
    node: ast.FunctionDef | ast.ClassDef | ast.expr


def find(module: str, attribute: str, within: str = "", hops: int = _FOLLOW_IMPORTS) -> Definition | None:
    """Return the definition of ``module.attribute``, or None if the source does not contain it.

    Imported names are followed, but only within the top-level package `within` if it is given.
    """
    source = _parse(module) if hops and within in ("", module.partition(".")[0]) else None
    if source is None:
        return None
    for node in source.statements():
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) if name == attribute:
                return Definition(source, node)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | _TypeAlias(name=ast.Name(id=name), value=ast.expr() as value)
            ) if name == attribute:
                return Definition(source, value)
            case ast.ImportFrom(names=names):
                for alias in names:
                    if (alias.asname or alias.name) == attribute:
                        return find(_absolute(source, node), alias.name, within, hops - 1)
                    if alias.name == "*" and (found := find(_absolute(source, node), attribute, within, hops - 1)):
                        return found
    return None


@lru_cache(maxsize=256)
def _parse(module: str) -> ModuleSource | None:
    """Parse a module, located from its top-level package, because `find_spec` of a submodule imports its parents."""
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
        return ModuleSource(module, path, ast.parse(path.read_bytes()))
    except (OSError, SyntaxError, ValueError):
        return None


def _absolute(source: ModuleSource, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = source.name.split(".")
    keep = len(parts) - node.level + (source.path.name == "__init__.py")
    return ".".join([*parts[:keep], *filter(None, [node.module])])
