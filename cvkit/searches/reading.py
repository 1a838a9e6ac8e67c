"""Reads a search and checks it with its recipe. Every mistake is reported with its place, all of them together.

A search is a file SEARCH.yaml, or for Python users a text or a mapping. Neither torch nor Optuna is loaded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Problem, RecipeError, did_you_mean
from ..host.catalog import Catalog
from ..recipe import Document, Recipe, read, resolve
from ..recipe.checker import Checker
from ..recipe.coercion import show
from ..recipe.document import as_yaml, display, is_path, read_inline
from ..recipe.metric_names import metric_names
from ..recipe.nodes import MapNode, Mark, ScalarNode, in_reading_order, plain
from ..recipe.overrides import PLACE, override
from ..recipe.settings_resolver import folder_name
from ..recipe.yaml_reader import MAX_BYTES, decode, read_tree
from ..tasks import TASKS
from .definition import SearchDefinition, SearchSettings, SearchSource
from .space_reading import fitting, places_of, space_of

KEYS = ("recipe", "space", *SearchSettings.model_fields)
_LOSSES = ("loss",)
_OF_RECIPE = "recipe."
"""What precedes the path of an override that replaces a value of the recipe, and not of the search."""


def source_of(search: str | os.PathLike[str] | Mapping[str, Any], overrides: Sequence[str] = ()) -> SearchSource:
    """Return a search that is a path, the text of a search, or a mapping; relative paths start where it is.

    Raises `TypeError` for another type, and `RecipeError` for values that YAML cannot contain.
    """
    if isinstance(search, os.PathLike) or (isinstance(search, str) and is_path(search)):
        return SearchSource(Path(search), None, tuple(overrides))
    if isinstance(search, Mapping):
        return SearchSource(Path("search"), as_yaml(dict(search), "search", indent=1), tuple(overrides))
    if isinstance(search, str):
        return SearchSource(Path("search"), search, tuple(overrides))
    raise TypeError(f"a search is a path, a text or a mapping, not {type(search).__name__}")


class SearchFile:
    """A search that is read but not yet checked against the plugins.

    Attributes:
        document: The recipe, from which `disabled` says which plugins not to load.
    """

    def __init__(self, source: SearchSource) -> None:
        self.source, self.path, self._check = source, source.file, Checker({})
        own = [text for text in source.overrides if not text.startswith(_OF_RECIPE)]
        self._root = _overridden(_tree(source), own)
        self.target, self.inline = self.path, False
        document = self._recipe()
        of_recipe = [text.removeprefix(_OF_RECIPE) for text in source.overrides if text.startswith(_OF_RECIPE)]
        self.changed = bool(of_recipe)
        self.document = replace(document, root=override(document.root, of_recipe, _OF_RECIPE))

    def _recipe(self) -> Document:
        node = self._root.items.get("recipe")
        match node:
            case MapNode():
                self.inline = True
                return read_inline(node, self.path)
            case ScalarNode(value=str(text)) if text:
                self.target = (self.path.parent if node.mark.folder is None else node.mark.folder) / text
                return read(self.target)
        mark = Mark(display(self.path)) if node is None else node.mark
        problem = "'recipe' is missing" if node is None else f"'recipe' cannot be {show(plain(node))}"
        raise RecipeError([mark.problem(problem, "write the path of a recipe, or a recipe with `extends`")])

    def resolve(self, catalog: Catalog) -> SearchDefinition:
        """Return the checked search; raise `RecipeError` with every mistake in it and in its recipe."""
        check, root = self._check, self._root
        check.keys(root, KEYS, "key", "in the search")
        default = ScalarNode(root.mark, folder_name(self.path.stem))
        node = MapNode(root.mark, {"name": default, **root.items}, root.keys)
        values = check.values(node, SearchSettings.options(), "key", "in the search")
        recipe: Recipe | None = None
        with self._collected():
            recipe = resolve(self.document, catalog)
        places = places_of(root, display(self.path), check)
        space = {path: found for path, node in places.items() if (found := space_of(path, node, check)) is not None}
        if recipe is not None:
            space = {
                path: fitting(path, one, places[path].mark, self.document, recipe, catalog, check)
                for path, one in space.items()
            }
            self._check_metric(values.get("metric"), recipe)
        if values.get("max_trials") is None and values.get("max_minutes") is None and not check.problems:
            check.report(
                root.mark, "neither max_trials nor max_minutes is set", "write max_trials: 20 or max_minutes: 60"
            )
        if check.problems or recipe is None:
            raise RecipeError(in_reading_order(dict.fromkeys(check.problems)))
        return SearchDefinition(
            source=self.source,
            target=self.target,
            inline=self.inline or self.changed,
            document=self.document,
            recipe=recipe,
            space=space,
            settings=SearchSettings(**values),
        )

    @contextmanager
    def _collected(self) -> Iterator[None]:
        try:
            yield
        except RecipeError as error:
            self._check.problems += error.problems

    def _check_metric(self, metric: str | None, recipe: Recipe) -> None:
        scores = [task.score for task in TASKS.values()]
        known = [*scores, *_LOSSES, *metric_names(recipe.metrics)]
        if metric is not None and metric not in known:
            node = self._root.items["metric"]
            hint = f"it is one of {', '.join(known)}, or add the metric to the recipe.  {did_you_mean(metric, known)}"
            self._check.report(node.mark, f"the validation images have no value '{metric}'", hint.strip())


def _overridden(root: MapNode, overrides: Sequence[str]) -> MapNode:
    """Return a search with other settings. The keys of its space contain dots, so overrides cannot name them."""
    problems = [
        Problem("the space of a search cannot be overridden", "change it in the search itself", f"{PLACE}{text}")
        for text in overrides
        if text.partition("=")[0].strip().partition(".")[0] == "space"
    ]
    if problems:
        raise RecipeError(problems)
    return override(root, overrides)


def _tree(source: SearchSource) -> MapNode:
    path, text = source.file, source.text
    file = display(path)
    if text is None:
        try:
            with path.open("rb") as opened:
                text = decode(opened.read(MAX_BYTES + 1), file)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise RecipeError([Problem(f"could not read '{file}': {reason}")]) from None
    root = read_tree(text, file, path.parent)
    if not isinstance(root, MapNode):
        hint = "a search requires at least `recipe`, `space` and `max_trials`"
        raise RecipeError([Problem("a search must be a mapping of keys to values", hint, file)])
    return root
