"""Applies ``--set path=value`` from the command line to a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import Problem, RecipeError
from .merge import PART_LISTS, merge, part_name
from .merge import Path as KeyPath
from .nodes import ListNode, MapNode, Mark, Node
from .yaml_reader import MAX_DEPTH, read_tree

PLACE = "--set "
"""What precedes an override in the place of a mistake."""


def override(root: MapNode, overrides: Sequence[str], prefix: str = "") -> MapNode:
    """Return the tree with every ``path=value`` applied in order; values are YAML, as in ``model={name: resnet}``.

    The keys of a path are separated by dots. List entries are given by index or, for parts, by the component's name.
    Keys that the recipe lacks are added; the check reports unknown ones. Relative paths in values start in the
    current folder. `prefix` is what the user wrote before each path. Raises `RecipeError` with every override that
    cannot be applied.
    """
    problems: list[Problem] = []
    for text in overrides:
        try:
            root = _apply(root, text, Mark(PLACE + prefix + text.encode("utf-8", "replace").decode(), folder=Path()))
        except RecipeError as error:
            problems += error.problems
    if problems:
        raise RecipeError(problems)
    return root


def _apply(root: MapNode, text: str, mark: Mark) -> MapNode:
    dotted, equals, value = text.partition("=")
    segments = tuple(dotted.strip().split("."))
    if not equals:
        raise _failure(mark, "expected path=value", "write, for example, model.width=32")
    if not all(segments) or len(segments) > MAX_DEPTH:
        raise _failure(
            mark, f"'{dotted}' is not a path", "write, for example, model.width or augmentations.0.padding"
        )
    if segments[0] == "extends":
        raise _failure(mark, "`extends` cannot be overridden", "pass the other recipe to the command instead")
    above = _nest(root, segments, _value(value, mark), ())
    merged = merge(root, above)
    assert isinstance(merged, MapNode)  # noqa: S101  # a mapping laid over a mapping is one
    return merged


def _value(text: str, mark: Mark) -> Node:
    try:
        node = read_tree(text, mark.file)
    except RecipeError as error:
        raise RecipeError([replace(problem, line=0, column=0, source="") for problem in error.problems]) from None
    if node is None:
        raise _failure(mark, "the value after '=' is missing", "write null for no value, or '' for empty text")
    return _placed(node, mark)


def _placed(node: Node, mark: Mark) -> Node:
    """Return the node with every position replaced by the override."""
    match node:
        case MapNode(items=items):
            placed = {key: _placed(value, mark) for key, value in items.items()}
            return MapNode(mark, placed, dict.fromkeys(placed, mark))
        case ListNode(items=entries):
            return ListNode(mark, tuple(_placed(entry, mark) for entry in entries))
    return replace(node, mark=mark)


def _nest(below: Node | None, segments: KeyPath, value: Node, path: KeyPath) -> Node:
    """Return the node to merge over `below` at `path`, so that `value` is placed at `segments` below it."""
    if not segments:
        return value
    head, rest = segments[0], segments[1:]
    if below is None and len(path) == 1 and path[0] in PART_LISTS:
        below = ListNode(value.mark)
    if isinstance(below, ListNode):
        index = _index(below, head, path, value.mark)
        inner = (*path, str(index))
        entries = list(below.items)
        entries[index] = merge(entries[index], _nest(entries[index], rest, value, inner), inner)
        return ListNode(below.mark, tuple(entries))
    child = below.items.get(head) if isinstance(below, MapNode) else None
    return MapNode(value.mark, {head: _nest(child, rest, value, (*path, head))}, {head: value.mark})


def _index(entries: ListNode, segment: str, path: KeyPath, mark: Mark) -> int:
    """Return the index of the entry that `segment` gives by number or component name."""
    names = [part_name(entry) or "" for entry in entries.items]
    if segment.isascii() and segment.isdigit() and len(segment) < 6:
        matches = [int(segment)] if int(segment) < len(names) else []
    else:
        matches = [index for index, name in enumerate(names) if segment in (name, name.rpartition("/")[2])]
    if len(matches) == 1:
        return matches[0]
    held = ", ".join(f"{index} {name}".strip() for index, name in enumerate(names)) or "nothing"
    where = ".".join(path)
    if matches:
        raise _failure(mark, f"'{where}' has several entries named '{segment}'", f"use an index: {held}")
    raise _failure(mark, f"'{where}' has no entry '{segment}'", f"its entries are: {held}")


def _failure(mark: Mark, message: str, hint: str) -> RecipeError:
    return RecipeError([mark.problem(message, hint)])
