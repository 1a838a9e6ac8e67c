"""The catalog of installed plugins, and a recipe checked against it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..plugins import Catalog, discover

if TYPE_CHECKING:
    from ..recipe import Recipe


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> tuple[Recipe, Catalog]:
    """Read and check the recipe at `path`; raises one `RecipeError` with every mistake in it."""
    from ..recipe import read, resolve  # pydantic, 80 ms that only commands with a recipe need to pay

    document = read(path, overrides)
    catalog = load_catalog(document.disabled)
    return resolve(document, catalog), catalog


def load_catalog(disabled: Collection[str] = ()) -> Catalog:
    """Discover the installed plugins, and say on stderr, a line each, which of them do not work."""
    catalog = discover(disabled)
    for status in catalog.failures:
        origin = status.origin
        message = f"plugin '{origin.plugin}' ({origin.distribution} {origin.version}) does not work: {status.failure}"
        click.echo(f"{click.style('warning:', fg='yellow')} {message}", err=True)
    return catalog
