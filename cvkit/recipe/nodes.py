"""The tree of a recipe, in which every key and value has its position in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import Problem


@dataclass(frozen=True)
class Mark:
    """A position in a file. Lines and columns count from 1; both are 0 for values from ``--set``.

    `folder` is where relative paths in a value start. None keeps them as they are, as in the recipe of a run folder.
    """

    file: str
    line: int = 0
    column: int = 0
    source: str = ""
    folder: Path | None = None

    def problem(self, message: str, hint: str = "") -> Problem:
        """Return a problem at this position."""
        return Problem(message, hint, self.file, self.line, self.column, self.source)


@dataclass(frozen=True)
class ScalarNode:
    """Text, a number, true, false or null."""

    mark: Mark
    value: str | int | float | bool | None


@dataclass(frozen=True)
class ListNode:
    """A list of nodes."""

    mark: Mark
    items: tuple[Node, ...] = ()


@dataclass(frozen=True)
class MapNode:
    """A mapping; `keys` contains the position of every key in `items`."""

    mark: Mark
    items: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)

    def without(self, *names: str) -> MapNode:
        """Return a copy without the named keys."""
        return MapNode(self.mark, {key: node for key, node in self.items.items() if key not in names}, self.keys)


Node: TypeAlias = ScalarNode | ListNode | MapNode


def plain(node: Node) -> Any:
    """Return the node as ordinary Python data: dict, list, str, int, float, bool, None."""
    match node:
        case MapNode(items=items):
            return {key: plain(value) for key, value in items.items()}
        case ListNode(items=entries):
            return [plain(value) for value in entries]
        case ScalarNode(value=value):
            return value


def in_reading_order(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems sorted by file, line and column."""
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))
