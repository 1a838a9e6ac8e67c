"""Checks each level of a recipe for unknown keys, values of the wrong type, and missing keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import Problem, did_you_mean
from ..kinds import KINDS
from ..signatures.signature import Option
from .coercion import coerce, has_plain_default
from .nodes import MapNode, Mark, plain
from .paths import anchored
from .recipe import AUTO

TUNABLE = tuple(kind.key for kind in KINDS.values() if kind.tunable)  # built after tuning
_MOST_NAMES = 30


class Checker:
    """Collects problems, so that one pass reports all of them.

    `targets` maps the paths that tuners set to their place in the recipe; only these values may be ``auto``.
    `written` holds the paths of the options that the recipe contains. The arguments `noun` and `owner` name the
    checked item in messages, such as an ``option`` ``for model 'resnet/resnet'``.
    """

    def __init__(self, targets: Mapping[str, Mark]) -> None:
        self.targets = targets
        self.written: set[str] = set()
        self.problems: list[Problem] = []

    def report(self, mark: Mark, message: str, hint: str = "") -> None:
        """Add a problem at the position `mark`."""
        self.problems.append(mark.problem(message, hint))

    def keys(self, node: MapNode, known: Iterable[str], noun: str, owner: str) -> None:
        """Report every key that is not in `known`, with the nearest known key."""
        names = list(known)
        for key in node.items:
            if key not in names:
                hint = f"{accepts(names)}  {did_you_mean(key, names)}".strip()
                self.report(node.keys[key], f"unknown {noun} '{key}' {owner}", hint)

    def values(
        self, node: MapNode, options: Mapping[str, Option], noun: str, owner: str, path: str = ""
    ) -> dict[str, Any]:
        """Return the values of `options` that `node` contains, and the defaults of the others.

        Paths are absolute. Wrong and missing values are reported and left out. Defaults that a recipe cannot express
        are left out too. `path` is the place of a part whose options tuners may set, or empty.
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
                    values[name] = anchored(coerce(given, option), node.items[name].mark.folder)
                except ValueError as error:
                    settable = path in TUNABLE and given == AUTO
                    hint = f"`auto` requires a tuner with `set: {place}`" if settable else ""
                    self.report(node.items[name].mark, f"{noun} '{name}' {owner}: {error}", hint)
            elif option.required:
                hint = f"write `{name}: auto` to use the tuner's value" if place in self.targets else ""
                self.report(node.mark, f"{noun} '{name}' {owner} is missing", hint)
            elif has_plain_default(option):
                values[name] = option.default
        return values


def accepts(names: Iterable[str]) -> str:
    """Return a sentence that lists the accepted names."""
    listed = list(names)
    shown = ", ".join(listed[:_MOST_NAMES]) + (", ..." if len(listed) > _MOST_NAMES else "")
    return f"it accepts: {shown}." if listed else "it accepts no options."
