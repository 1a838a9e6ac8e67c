"""Reads the space of SEARCH.yaml: a range or choices for each place of the recipe.

Each end of a range and each choice is checked as a value of the recipe. Mistakes are collected with their places.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import RecipeError
from ..host.catalog import Catalog
from ..recipe import Document, Recipe, resolve
from ..recipe.checker import Checker
from ..recipe.coercion import show
from ..recipe.nodes import MapNode, Mark, Node, plain
from ..recipe.overrides import PLACE, override
from .space import ChoiceKeys, Choices, Range, RangeKeys, Space

_HINT = "write {low: 1e-4, high: 1e-1, log: true} or {choices: [16, 32]}"
_NOT_LEARNED = (
    *("name", "plugins", "report", "selection", "requires", "shorter"),
    *("explainers", "exporters", "sections", "observers", "metrics"),
)
_OF_SPLITS = ("name", "path", "validation", "test", "seed", "fold", "folds", "validation_size", "test_size")


def places_of(root: MapNode, file: str, check: Checker) -> Mapping[str, Node]:
    """Return the node of each place in the space of a search; empty, and reported, if there is none."""
    node = root.items.get("space")
    if isinstance(node, MapNode) and node.items:
        return node.items
    mark = Mark(file) if node is None else node.mark
    hint = "write, for example, optimizer.lr: {low: 1e-4, high: 1e-1, log: true}"
    check.report(mark, "'space' must be a mapping of places in the recipe to their values", hint)
    return {}


def space_of(path: str, node: Node, check: Checker) -> Space | None:
    """Return the values of a place; None, and reported, if they are not valid."""
    if not isinstance(node, MapNode):
        check.report(node.mark, f"the space of '{path}' must be a range or choices", _HINT)
        return None
    before, owner = len(check.problems), f"in the space of '{path}'"
    if "choices" in node.items:
        if others := [key for key in RangeKeys.model_fields if key in node.items]:
            check.report(node.keys[others[0]], f"'choices' and '{others[0]}' exclude each other {owner}", _HINT)
        check.keys(node, (*ChoiceKeys.model_fields, *RangeKeys.model_fields), "key", owner)
        check.values(node, ChoiceKeys.options(), "key", owner)
    else:
        check.keys(node, (*RangeKeys.model_fields, *ChoiceKeys.model_fields), "key", owner)
        check.values(node, RangeKeys.options(), "key", owner)
    if len(check.problems) > before:
        return None
    given = {key: plain(value) for key, value in node.items.items()}
    found = _choices(given) if "choices" in given else _range(given)
    if isinstance(found, str):
        check.report(node.mark, f"the space of '{path}' is not valid: {found}", _HINT)
        return None
    return found


def fitting(
    path: str, space: Space, mark: Mark, document: Document, recipe: Recipe, catalog: Catalog, check: Checker
) -> Space:
    """Report values that the recipe does not accept; return the space, whose numbers have the recipe's type."""
    typed = recipe
    if reason := unsearchable(path):
        check.report(mark, f"'{path}' cannot be searched: {reason}")
        return space
    for value in space.samples():
        try:
            root = override(document.root, [f"{path}={json.dumps(value)}"])
            typed = resolve(replace(document, root=root), catalog)
        except RecipeError as error:
            own = [problem for problem in error.problems if problem.file.startswith(PLACE)]
            check.problems += [
                replace(mark.problem(f"{path} = {show(value)}: {one.message}"), hint=one.hint) for one in own
            ]
            return space
    exact = isinstance(typed.values().get(path), float)
    return replace(space, whole=False) if isinstance(space, Range) and exact else space


def unsearchable(path: str) -> str:
    """Return why a place of a recipe is not searched; empty if it may be."""
    first, _, rest = path.partition(".")
    if path == "seed":
        return "the best of several seeds is a matter of luck; measure their spread with cvkit repeat"
    if path == "evaluation.test" or first in _NOT_LEARNED:
        return "it does not change what is learned"
    if first == "dataset" and rest.rpartition(".")[2] in _OF_SPLITS:
        return "it changes the images that the trials are measured on"
    return ""


def _choices(given: dict[str, Any]) -> Space | str:
    texts = tuple(json.dumps(value, sort_keys=True) for value in given["choices"])
    return Choices(texts) if len(set(texts)) == len(texts) else "'choices' contains a value twice"


def _range(given: dict[str, Any]) -> Space | str:
    low, high, log, step = given["low"], given["high"], given.get("log", False), given.get("step")
    if not low < high:
        return f"'low' must be below 'high', got {show(low)} and {show(high)}"
    if log and low <= 0:
        return "a logarithmic scale requires a 'low' above 0"
    if step is not None and (log or step > high - low):
        return "'step' excludes 'log'" if log else "'step' must be at most high - low"
    whole = all(isinstance(value, int) for value in (low, high, 1 if step is None else step))
    return Range(low, high, log, step, whole)
