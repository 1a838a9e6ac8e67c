"""The methods, layers and classes that the options of ``cvkit explain`` name, checked against the run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import DataError, RunError, did_you_mean, one_line
from .assumed import METHOD, require_assumed
from .loading import resolve_asked, warn
from .tables import print_table

if TYPE_CHECKING:
    from ..explain.explainers import Explainers
    from ..host.catalog import Catalog
    from ..recipe import Part, Recipe
    from ..runs.folder import RunFolder

_MOST_NAMES = 12


def with_methods(
    recipe: Recipe, folder: RunFolder, catalog: Catalog, methods: Sequence[str], layer: str | None
) -> Recipe:
    """Return the recipe of a run with the explainers in `methods` instead of its own, each set to `layer`.

    Each item of `methods` holds one or more explainers with their options, written as in a recipe's list:
    ``a, {name: b, chunk: 8}``. If neither `methods` nor the recipe names one, Grad-CAM is used. Raises `RecipeError`
    for methods that a recipe could not contain, and `ComponentError` if Grad-CAM cannot be used.
    """
    overrides: dict[str, str] = {}
    if not methods and not recipe.explainers:
        require_assumed(catalog, "explainers", METHOD, "Choose another with --method; see: cvkit list explainers")
    if methods or not recipe.explainers:
        overrides = {f"explainers=[{', '.join(methods) or METHOD}]": "--method"}
        recipe = resolve_asked(folder.document, overrides, catalog)
    if layer is not None:
        overrides |= {f"explainers.{i}.layer={json.dumps(layer)}": "--layer" for i in range(len(recipe.explainers))}
        recipe = resolve_asked(folder.document, overrides, catalog)
    return recipe


def class_called(name: str, classes: Sequence[str]) -> int:
    """Return the index of the class that `name` gives by name or index; raise `DataError` if there is none."""
    if name in classes:
        return classes.index(name)
    if name.isdecimal() and int(name) < len(classes):
        return int(name)
    listed = ", ".join(classes[:_MOST_NAMES]) + (", ..." if len(classes) > _MOST_NAMES else "")
    hint = did_you_mean(name, classes) or f"It has {len(classes):,} classes, numbered from 0: {listed}"
    raise DataError(f"this run has no class '{name}'. {hint}")


def without_layers(parts: Iterable[Part]) -> list[Part]:
    """Return the explainers with their option ``layer`` reset to its default."""
    return [replace(part, options={k: v for k, v in part.options.items() if k != "layer"}) for part in parts]


def print_layers(explainers: Explainers, unset: Explainers) -> None:
    """List the layers of the model that can be explained, according to the first explainer that can list them.

    An explainer can list layers if it has a method ``candidates(image)``. `unset` holds the same explainers with the
    default layer; they are used if no explainer works with the layer it is set to. Failures print a warning. Raises
    `RunError` if no explainer lists layers.
    """
    import torch

    trained = explainers.trained
    shape = (1, trained.info.channels, trained.info.height, trained.info.width)
    noise = torch.randint(256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    inputs = trained.inputs(noise)
    for asked in (explainers, unset):
        for name, explainer in asked.working.items():
            if (candidates := getattr(explainer, "candidates", None)) is None:
                continue
            try:
                found = candidates(inputs)
            except Exception as error:
                warn(f"{name} cannot list the layers of this model: {one_line(error)}")
                continue
            try:  # the explainer chooses its layer during its first call
                explainer(inputs, torch.zeros(1, dtype=torch.int64, device=trained.device))
            except Exception as error:
                warn(f"{name} cannot explain its configured layer: {one_line(error)}")
            chosen = asked.layers().get(name) if asked is explainers else None
            rows = [(at.name, at.kind, f"{at.grid}{_remark(at.name == chosen, at.has_gradient)}") for at in found]
            print_table((f"layer, for {name}", "kind", "grid"), rows)
            return
    raise RunError(f"none of the methods can list layers ({', '.join(explainers.working) or 'none of them works'})")


def _remark(chosen: bool, has_gradient: bool) -> str:
    return " [explained]" if chosen else "" if has_gradient else " [no gradient]"
