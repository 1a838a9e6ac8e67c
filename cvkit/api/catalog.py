"""Plugins and recipes from Python's arguments, with what the command line warns about as log lines."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..host.catalog import Catalog
from ..host.discovery import disabled_by_environment, discover, unknown_disabled
from ..recipe import Recipe, as_overrides, deprecations, overrides_named, read_any, resolve

log = logging.getLogger("cvkit")
RecipeLike = str | os.PathLike[str] | Mapping[str, Any]
PluginPaths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def checked_recipe(
    recipe: RecipeLike, values: Mapping[str, Any] | None, plugins: PluginPaths
) -> tuple[Recipe, Catalog]:
    """Return a recipe with `values` in place of its own, checked, and the catalog of plugins."""
    overrides = as_overrides(values or {})
    with overrides_named(overrides):
        document = read_any(recipe, [*overrides])
        catalog = catalog_of(document.disabled, plugins)
        checked = resolve(document, catalog)
    for line in deprecations(checked):
        log.warning("%s", line)
    return checked, catalog


def catalog_of(disabled: Collection[str], plugins: PluginPaths) -> Catalog:
    """Return the catalog without the plugins that a recipe disables, with those at the paths `plugins`."""
    paths = [plugins] if isinstance(plugins, str | os.PathLike) else plugins
    catalog = discover(dict.fromkeys(disabled, "plugins.disable"), [Path(path).expanduser() for path in paths])
    for line in (
        *(failure.line for failure in catalog.failures),
        *unknown_disabled(catalog, disabled_by_environment()),
    ):
        log.warning("%s", line)
    return catalog
