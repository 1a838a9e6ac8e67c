"""Reads SEARCH.yaml and checks it with its recipe. Every mistake is reported with its place, all of them together.

Neither torch nor Optuna is loaded. Each end of a range and each choice is checked as a value of the recipe.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Problem, RecipeError, did_you_mean
from ..host.catalog import Catalog
from ..recipe import Document, Recipe, read, resolve
from ..recipe.checker import Checker
from ..recipe.coercion import show
from ..recipe.document import display, read_inline
from ..recipe.metric_names import metric_names
from ..recipe.nodes import MapNode, Mark, Node, ScalarNode, in_reading_order, plain
from ..recipe.overrides import PLACE, override
from ..recipe.settings_resolver import folder_name
from ..recipe.yaml_reader import MAX_BYTES, decode, read_tree
from ..tasks import TASKS
from .definition import SearchDefinition, SearchSettings
from .space import Choices, Range, Space

_KEYS = ("recipe", "space", *SearchSettings.model_fields)
_OF_RANGE = ("low", "high", "log", "step", "choices")
_LOSSES = ("loss",)
_OF_SPLITS = ("name", "path", "validation", "test", "seed", "fold", "folds", "validation_size", "test_size")


class SearchFile:
    """SEARCH.yaml, read but not yet checked against the plugins.

    Attributes:
        document: The recipe, from which `disabled` says which plugins not to load.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._check = path, Checker({})
        self._root = _tree(path)
        self.target, self.inline = path, False
        self.document = self._recipe()

    def _recipe(self) -> Document:
        node = self._root.items.get("recipe")
        match node:
            case MapNode():
                self.inline = True
                return read_inline(node, self.path)
            case ScalarNode(value=str(text)) if text:
                self.target = self.path.parent / text
                return read(self.target)
        mark = Mark(display(self.path)) if node is None else node.mark
        problem = "'recipe' is missing" if node is None else f"'recipe' cannot be {show(plain(node))}"
        raise RecipeError([mark.problem(problem, "write the path of a recipe, or a recipe with `extends`")])

    def resolve(self, catalog: Catalog) -> SearchDefinition:
        """Return the checked search; raise `RecipeError` with every mistake in it and in its recipe."""
        check, root = self._check, self._root
        check.keys(root, _KEYS, "key", "in the search")
        default = ScalarNode(root.mark, folder_name(self.path.stem))
        node = MapNode(root.mark, {"name": default, **root.items}, root.keys)
        values = check.values(node, SearchSettings.options(), "key", "in the search")
        recipe: Recipe | None = None
        with self._collected():
            recipe = resolve(self.document, catalog)
        space = {path: found for path, node in self._places() if (found := self._space(path, node)) is not None}
        if recipe is not None:
            space = {path: self._fitting(path, one, recipe, catalog) for path, one in space.items()}
            self._check_metric(values.get("metric"), recipe)
        if values.get("max_trials") is None and values.get("max_minutes") is None and not check.problems:
            check.report(root.mark, "the search has no end", "write max_trials: 20 or max_minutes: 60")
        if check.problems or recipe is None:
            raise RecipeError(in_reading_order(dict.fromkeys(check.problems)))
        settings = SearchSettings(**values)
        return SearchDefinition(self.path, self.target, self.inline, self.document, recipe, space, settings)

    @contextmanager
    def _collected(self) -> Iterator[None]:
        try:
            yield
        except RecipeError as error:
            self._check.problems += error.problems

    def _places(self) -> Iterator[tuple[str, Node]]:
        node = self._root.items.get("space")
        if isinstance(node, MapNode) and node.items:
            yield from node.items.items()
            return
        mark = Mark(display(self.path)) if node is None else node.mark
        hint = "write, for example, optimizer.lr: {low: 1e-4, high: 1e-1, log: true}"
        self._check.report(mark, "'space' must be a mapping of places in the recipe to their values", hint)

    def _space(self, path: str, node: Node) -> Space | None:
        """Return the values of a place; None if they are not valid."""
        hint = "write {low: 1e-4, high: 1e-1, log: true} or {choices: [16, 32]}"
        if not isinstance(node, MapNode):
            self._check.report(node.mark, f"the space of '{path}' must be a range or choices", hint)
            return None
        self._check.keys(node, _OF_RANGE, "key", f"in the space of '{path}'")
        given = {key: plain(value) for key, value in node.items.items()}
        found = _choices(given) if "choices" in given else _range(given)
        if isinstance(found, str):
            self._check.report(node.mark, f"the space of '{path}' is not valid: {found}", hint)
            return None
        return found

    def _fitting(self, path: str, space: Space, recipe: Recipe, catalog: Catalog) -> Space:
        """Report values that the recipe does not accept; return the space, whose numbers have the recipe's type."""
        places = self._root.items["space"]
        assert isinstance(places, MapNode)  # noqa: S101  # the places come from it
        mark, typed = places.items[path].mark, recipe
        if reason := _unsearchable(path):
            self._check.report(mark, f"'{path}' cannot be searched: {reason}")
            return space
        for value in space.samples():
            try:
                root = override(self.document.root, [f"{path}={json.dumps(value)}"])
                typed = resolve(replace(self.document, root=root), catalog)
            except RecipeError as error:
                own = [problem for problem in error.problems if problem.file.startswith(PLACE)]
                self._check.problems += [
                    replace(mark.problem(f"{path} = {show(value)}: {one.message}"), hint=one.hint) for one in own
                ]
                return space
        exact = isinstance(typed.values().get(path), float)
        return replace(space, whole=False) if isinstance(space, Range) and exact else space

    def _check_metric(self, metric: str | None, recipe: Recipe) -> None:
        scores = [task.score for task in TASKS.values()]
        known = [*scores, *_LOSSES, *metric_names(recipe.metrics)]
        if metric is not None and metric not in known:
            node = self._root.items["metric"]
            hint = f"it is one of {', '.join(known)}, or add the metric to the recipe.  {did_you_mean(metric, known)}"
            self._check.report(node.mark, f"the validation images have no value '{metric}'", hint.strip())


def _unsearchable(path: str) -> str:
    """Return why a place of a recipe is not searched; empty if it may be."""
    first, _, rest = path.partition(".")
    if path == "seed":
        return "the best of several seeds is a matter of luck; measure their spread with cvkit repeat"
    if path == "evaluation.test" or first in ("name", "plugins", "report", "selection"):
        return "it does not change what is learned"
    if first == "dataset" and rest.rpartition(".")[2] in _OF_SPLITS:
        return "it changes the images that the trials are measured on"
    return ""


def _tree(path: Path) -> MapNode:
    file = display(path)
    try:
        with path.open("rb") as opened:
            root = read_tree(decode(opened.read(MAX_BYTES + 1), file), file, path.parent)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise RecipeError([Problem(f"could not read '{file}': {reason}")]) from None
    if not isinstance(root, MapNode):
        hint = "a search requires at least `recipe`, `space` and `max_trials`"
        raise RecipeError([Problem("a search must be a mapping of keys to values", hint, file)])
    return root


def _choices(given: dict[str, Any]) -> Space | str:
    values = given["choices"]
    if others := [key for key in given if key in _OF_RANGE and key != "choices"]:
        return f"'choices' and '{others[0]}' exclude each other"
    if not isinstance(values, list) or not values:
        return "'choices' must be a list with at least one value"
    texts = tuple(json.dumps(value, sort_keys=True) for value in values)
    return Choices(texts) if len(set(texts)) == len(texts) else "'choices' contains a value twice"


def _range(given: dict[str, Any]) -> Space | str:
    low, high, log, step = given.get("low"), given.get("high"), given.get("log", False), given.get("step")
    for name, value in (("low", low), ("high", high), ("step", step)):
        missing = value is None and name != "step"
        if missing or not (value is None or (isinstance(value, int | float) and not isinstance(value, bool))):
            return f"'{name}' {'is missing' if missing else f'must be a number, got {show(value)}'}"
    assert low is not None  # noqa: S101  # checked above
    assert high is not None  # noqa: S101  # checked above
    if not isinstance(log, bool):
        return f"'log' must be true or false, got {show(log)}"
    if not low < high:
        return f"'low' must be below 'high', got {show(low)} and {show(high)}"
    if log and low <= 0:
        return "a logarithmic scale requires a 'low' above 0"
    if step is not None and (log or step <= 0 or step > high - low):
        return "'step' excludes 'log'" if log else "'step' must be above 0 and at most high - low"
    whole = all(isinstance(value, int) for value in (low, high, 1 if step is None else step))
    return Range(low, high, log, step, whole)
