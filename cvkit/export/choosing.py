"""The exporters that a user names, checked against the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..errors import Problem, RecipeError
from ..host.assumed import EXPORTER, QUANTIZED_EXPORTER, require_assumed

if TYPE_CHECKING:
    from ..host.catalog import Catalog
    from ..host.registry import Entry
    from ..recipe import Document, Recipe

OUTSIDE, IN_GRAPH = "outside", "in-graph"
"""The values of the option `framing` of exporters that have it."""

QUANTIZE = "--quantize"


class Names(NamedTuple):
    """What the user calls the exporters, their options and their framing, for messages."""

    exporters: str
    options: str
    framing: str


def with_exporters(
    recipe: Recipe,
    document: Callable[[Sequence[str]], Document],
    catalog: Catalog,
    chosen: Sequence[str],
    options: Sequence[str] = (),
    *,
    framing: str | None = None,
    quantize: bool = False,
    names: Names,
) -> Recipe:
    """Return the recipe of a run with the exporters in `chosen` instead of its own, each with `options`.

    Each item of `chosen` holds one or more exporters with their options, written as in a recipe's list:
    ``a, {name: b, opset: 20}``. Each item of `options` is ``name=value``. If neither `chosen` nor the recipe names an
    exporter, ONNX is used. `framing` is a value for the option of this name, and `quantize` replaces ONNX by
    ONNX in 8-bit integers. `document` reads the recipe with overrides. Raises `RecipeError` for exporters that a
    recipe could not contain, or that do not support the framing or integers, and `ComponentError` if ONNX cannot be
    used.
    """
    from ..recipe import resolve_named  # imports pydantic, which other commands do not need

    overrides: dict[str, str] = {}
    if not chosen and not recipe.exporters:
        require_assumed(
            catalog, "exporters", EXPORTER, f"Choose another with {names.exporters}; see: cvkit list exporters"
        )
    if chosen or not recipe.exporters:
        overrides = {f"exporters=[{', '.join(chosen) or EXPORTER}]": names.exporters}
        recipe = resolve_named(document, overrides, catalog)
    if quantize:
        overrides = {f"exporters=[{', '.join(_quantized(recipe))}]": QUANTIZE}
        recipe = resolve_named(document, overrides, catalog)
    overrides |= {
        f"exporters.{index}.framing={framing}": f"{names.framing} {framing}"
        for index in (() if framing is None else _framing(recipe, catalog, framing, names))
    }
    count = len(recipe.exporters)
    overrides |= {f"exporters.{index}.{one}": f"{names.options} {one}" for one in options for index in range(count)}
    return resolve_named(document, overrides, catalog) if framing is not None or options else recipe


def _quantized(recipe: Recipe) -> list[str]:
    """Return each exporter as the text of one that writes 8-bit integers, with the same options."""
    from ..recipe.coercion import plain_value

    others = [part.entry.id for part in recipe.exporters if part.entry.id not in (EXPORTER, QUANTIZED_EXPORTER)]
    if others:
        message = f"exporter '{others[0]}' has no form in 8-bit integers"
        raise RecipeError(
            [Problem(message, f"only '{EXPORTER}' has; export the others without --quantize", QUANTIZE)]
        )
    options = [plain_value(dict(part.options)) for part in recipe.exporters]
    return [json.dumps({"name": QUANTIZED_EXPORTER, **each}) for each in options]


def _framing(recipe: Recipe, catalog: Catalog, framing: str, names: Names) -> list[int]:
    """Return the positions of the exporters with an option `framing`; for framing in a graph, all must have it."""
    having = [index for index, part in enumerate(recipe.exporters) if _frames(part.entry)]
    without = [part.entry.id for index, part in enumerate(recipe.exporters) if index not in having]
    if without and framing != OUTSIDE:
        able = ", ".join(entry.id for entry in catalog["exporters"].entries() if _frames(entry))
        message = f"exporter '{without[0]}' cannot contain the framing of images"
        raise RecipeError([Problem(message, f"these can: {able}", f"{names.framing} {framing}")])
    return having


def _frames(entry: Entry) -> bool:
    return not entry.contract_violations() and "framing" in entry.signature().options
