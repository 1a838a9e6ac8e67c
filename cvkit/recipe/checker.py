"""What every level of a recipe is checked for: known keys, values of the right type, nothing missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import Problem, did_you_mean
from ..kinds import KINDS
from ..signatures.signature import Option
from .coercion import coerce, has_plain_default
from .nodes import MapNode, Mark, plain
from .recipe import AUTO

TUNABLE = tuple(kind.key for kind in KINDS.values() if kind.tunable)
_MOST_NAMES = 30


class Checker:
    """Collects every problem; each check returns what it could make and goes on.

    `targets`: the paths whose values tuners set, and where the recipe says so; only these may be ``auto``.
    `written`: the paths of the options that the recipe writes out.
    In messages, `noun` and `owner` say what is checked: an ``option`` ``for model 'resnet/resnet'``.
    """

    def __init__(self, targets: Mapping[str, Mark]) -> None:
        self.targets = targets
        self.written: set[str] = set()
        self.problems: list[Problem] = []

    def report(self, mark: Mark, message: str, hint: str = "") -> None:
        """Add a problem standing at `mark`."""
        self.problems.append(mark.problem(message, hint))

    def keys(self, node: MapNode, known: Iterable[str], noun: str, owner: str) -> None:
        """Report every key that is not `known`, with the nearest that is."""
        names = list(known)
        for key in node.items:
            if key not in names:
                hint = f"{accepts(names)}  {did_you_mean(key, names)}".strip()
                self.report(node.keys[key], f"unknown {noun} '{key}' {owner}", hint)

    def values(
        self, node: MapNode, options: Mapping[str, Option], noun: str, owner: str, path: str = ""
    ) -> dict[str, Any]:
        """Return a value for each of `options`: the one that `node` writes, or the default.

        `path`: of a part, whose options tuners may set.
        Left out are values that are wrong or missing, which are reported, and defaults that no recipe can write.
        """
        values = {}
        for name, option in options.items():
            place = f"{path}.{name}" if path else name
            if name in node.items:
                self.written.add(place)
                given = plain(node.items[name])
                if path and given == AUTO and place in self.targets:
                    values[name] = AUTO
                    continue
                try:
                    values[name] = coerce(given, option)
                except ValueError as error:
                    settable = path in TUNABLE and given == AUTO
                    hint = f"`auto` needs a tuner with `set: {place}`" if settable else ""
                    self.report(node.items[name].mark, f"{noun} '{name}' {owner}: {error}", hint)
            elif option.required:
                hint = f"write `{name}: auto` for the tuner's value" if place in self.targets else ""
                self.report(node.mark, f"{noun} '{name}' {owner} is missing", hint)
            elif has_plain_default(option):
                values[name] = option.default
        return values


def accepts(names: Iterable[str]) -> str:
    """Return the sentence that lists what would have been accepted."""
    listed = list(names)
    shown = ", ".join(listed[:_MOST_NAMES]) + (", ..." if len(listed) > _MOST_NAMES else "")
    return f"it accepts: {shown}." if listed else "it takes no options."
