"""The methods and classes that a user names to explain images, checked against the run."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import DataError, did_you_mean
from ..formatting import counted
from ..host.assumed import METHOD, require_assumed
from ..printable import named_in

if TYPE_CHECKING:
    from ..host.catalog import Catalog
    from ..recipe import Document, Recipe

_MOST_NAMES = 12


def with_methods(
    recipe: Recipe,
    document: Callable[[Sequence[str]], Document],
    catalog: Catalog,
    methods: Sequence[str],
    layer: str | None = None,
    *,
    names: tuple[str, str],
) -> Recipe:
    """Return the recipe of a run with the explainers in `methods` instead of its own, each set to `layer`.

    Each item of `methods` holds one or more explainers with their options, written as in a recipe's list:
    ``a, {name: b, chunk: 8}``. If neither `methods` nor the recipe names one, Grad-CAM is used. `document` reads the
    recipe with overrides. `names` are what the user calls the methods and the layer, for messages. Raises
    `RecipeError` for methods that a recipe could not contain, and `ComponentError` if Grad-CAM cannot be used.
    """
    from ..recipe import resolve_named  # imports pydantic, which other commands do not need

    overrides: dict[str, str] = {}
    if not methods and not recipe.explainers:
        require_assumed(catalog, "explainers", METHOD, f"Choose another with {names[0]}; see: cvkit list explainers")
    if methods or not recipe.explainers:
        overrides = {f"explainers=[{', '.join(methods) or METHOD}]": names[0]}
        recipe = resolve_named(document, overrides, catalog)
    if layer is not None:
        overrides |= {f"explainers.{i}.layer={json.dumps(layer)}": names[1] for i in range(len(recipe.explainers))}
        recipe = resolve_named(document, overrides, catalog)
    return recipe


def class_index(name: str | int, classes: Sequence[str]) -> int:
    """Return the index of the class that `name` gives by name or index; raise `DataError` if there is none.

    A name takes precedence: if a class is called "3", the text "3" is that class.
    """
    if isinstance(name, str) and (found := named_in(name, classes)) is not None:
        return found
    number = operator.index(name) if not isinstance(name, str) else int(name) if name.isdecimal() else -1
    if 0 <= number < len(classes):
        return number
    listed = ", ".join(classes[:_MOST_NAMES]) + (", ..." if len(classes) > _MOST_NAMES else "")
    hint = did_you_mean(str(name), classes) or f"It has {counted(len(classes), 'class')}, numbered from 0: {listed}"
    raise DataError(f"this run has no class {str(name)!r}. {hint}")
