"""Adds a component to the source of a plugin's declaration without changing anything else."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

_HOME = {"Component": "cvkit", "hookimpl": "cvkit", "Iterator": "collections.abc"}


class CannotEdit(Exception):
    """A component cannot be added safely to the declaration; the message says why."""


def declares(text: str, target: str) -> bool:
    """Whether a declaration contains `target`; raise `CannotEdit` if it does not parse."""
    return any(isinstance(node, ast.Constant) and node.value == target for node in ast.walk(_parse(text)))


def with_component(text: str, hook: str, component: str, whole: str) -> str:
    """Return a declaration with a component added, and nothing else changed.

    Args:
        text: The source of the declaration.
        hook: The name of the hook that declares components of this kind.
        component: The statement that yields the component, indented by four spaces.
        whole: The whole hook, for a declaration without it.

    Returns:
        The new source.

    Raises:
        CannotEdit: The hook does not yield its components, or a name that the hook uses has another meaning there.
    """
    tree = _parse(text)
    _require_names(tree)
    bound = {name: node for node in _statements(tree.body) for name in _bound(node)}
    if hook in bound:
        edited = _with_yield(text, bound[hook], hook, component)
    else:
        edited = _with_imports(f"{text.rstrip()}\n\n\n{whole}", tree)
    _parse(edited)
    return edited


def _parse(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise CannotEdit(f"it does not parse: {error}") from error


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.stmt]:
    """Yield every statement that runs at the top level, including those in conditions."""
    for node in body:
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            yield from _statements(ast.iter_child_nodes(node))


def _bound(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines, as far as its syntax shows."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return [alias.asname or alias.name.partition(".")[0] for alias in aliases]
        case ast.Assign() | ast.AnnAssign():
            names = [found for found in ast.walk(node) if isinstance(found, ast.Name)]
            return [found.id for found in names if isinstance(found.ctx, ast.Store)]
    return []


def _require_names(tree: ast.Module) -> None:
    """Raise `CannotEdit` if a name that a hook uses is defined differently."""
    for node in _statements(tree.body):
        for name in set(_bound(node)) & _HOME.keys():
            if not (isinstance(node, ast.ImportFrom) and node.module in (_HOME[name], "typing") and not node.level):
                raise CannotEdit(f"it defines '{name}' differently on line {node.lineno}")


def _with_imports(text: str, tree: ast.Module) -> str:
    """Return the text with the imports of the new hook added after the existing imports."""
    have = {name for node in tree.body if isinstance(node, ast.ImportFrom) for name in _bound(node)}
    lines = []
    for module in dict.fromkeys(_HOME[name] for name in ("Iterator", "Component")):
        names = [name for name, home in _HOME.items() if home == module and name not in have]
        lines += [f"from {module} import {', '.join(names)}\n"] if names else []
    if not lines:
        return text
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    docstring = tree.body[:1] if tree.body and ast.get_docstring(tree, clean=False) is not None else []
    last = (imports or docstring or [None])[-1]
    place = (last.end_lineno or 0) if last is not None else 0
    whole = text.splitlines(keepends=True)
    blank = [] if imports or not place else ["\n"]
    return "".join([*whole[:place], *blank, *lines, *whole[place:]])


def _with_yield(text: str, node: ast.stmt, hook: str, component: str) -> str:
    """Return the text with the statement that yields the component added to the end of the hook."""
    if not isinstance(node, ast.FunctionDef) or node.col_offset:
        raise CannotEdit(f"'{hook}' on line {node.lineno} is not a plain function")
    last = node.body[-1]
    if not any(isinstance(found, ast.Yield | ast.YieldFrom) for found in ast.walk(node)):
        raise CannotEdit(f"'{hook}' on line {node.lineno} does not yield its components")
    if isinstance(last, ast.Return | ast.Raise) or node.body[0].lineno == node.lineno:
        raise CannotEdit(f"'{hook}' ends with a return or raise, or is written on one line (line {last.lineno})")
    lines = text.splitlines(keepends=True)
    place = last.end_lineno or last.lineno
    before = lines[place - 1] if lines[place - 1].endswith("\n") else f"{lines[place - 1]}\n"
    indent = " " * last.col_offset
    added = [f"{indent}{line[4:]}" for line in component.splitlines(keepends=True)]
    return "".join([*lines[: place - 1], before, *added, *lines[place:]])
