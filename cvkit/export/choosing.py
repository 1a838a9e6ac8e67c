"""The exporters that a user names, checked against the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..host.assumed import EXPORTER, require_assumed

if TYPE_CHECKING:
    from ..host.catalog import Catalog
    from ..recipe import Document, Recipe


def with_exporters(
    recipe: Recipe,
    document: Callable[[Sequence[str]], Document],
    catalog: Catalog,
    chosen: Sequence[str],
    options: Sequence[str] = (),
    *,
    names: tuple[str, str],
) -> Recipe:
    """Return the recipe of a run with the exporters in `chosen` instead of its own, each with `options`.

    Each item of `chosen` holds one or more exporters with their options, written as in a recipe's list:
    ``a, {name: b, opset: 20}``. Each item of `options` is ``name=value``. If neither `chosen` nor the recipe names an
    exporter, ONNX is used. `document` reads the recipe with overrides. `names` are what the user calls the exporters
    and the options, for messages. Raises `RecipeError` for exporters that a recipe could not contain, and
    `ComponentError` if ONNX cannot be used.
    """
    from ..recipe import resolve_named  # imports pydantic, which other commands do not need

    overrides: dict[str, str] = {}
    if not chosen and not recipe.exporters:
        require_assumed(catalog, "exporters", EXPORTER, f"Choose another with {names[0]}; see: cvkit list exporters")
    if chosen or not recipe.exporters:
        overrides = {f"exporters=[{', '.join(chosen) or EXPORTER}]": names[0]}
        recipe = resolve_named(document, overrides, catalog)
    if options:
        count = len(recipe.exporters)
        overrides |= {f"exporters.{index}.{one}": f"{names[1]} {one}" for one in options for index in range(count)}
        recipe = resolve_named(document, overrides, catalog)
    return recipe
