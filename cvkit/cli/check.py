"""``cvkit check``: report every mistake in a recipe, without opening data or loading torch."""

from __future__ import annotations

from pathlib import Path

import click

from .loading import load_recipe
from .options import PluginChoice, plugin_options, set_option
from .terminal import echo


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@plugin_options
@click.option("--show", is_flag=True, help="Print the resolved recipe with every default.")
def check(recipe: Path, overrides: tuple[str, ...], show: bool, choice: PluginChoice) -> None:
    """Check RECIPE and report every mistake in it."""
    resolved, _ = load_recipe(recipe, overrides, choice)
    if show:
        from ..recipe import dump

        echo(dump(resolved), nl=False)
    else:
        echo(f"{recipe}: the recipe is good")
