"""``cvkit check``: report every mistake in a recipe; with ``--smoke``, also do once what a run does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..runs.data_folder import data_folder
from .exit_code import work
from .loading import load_recipe, warn
from .options import PluginChoice, data_option, output_option, plugin_options, set_option
from .terminal import drawn_phases, echo

if TYPE_CHECKING:
    from ..recipe import Recipe


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@plugin_options
@click.option("--show", is_flag=True, help="Print the resolved recipe with every default.")
@click.option(
    "--smoke",
    is_flag=True,
    help="Also open the data, build the model, take a step, evaluate a batch, explain an image, and write and read a "
    "checkpoint. Takes seconds and leaves nothing behind.",
)
@data_option
@output_option("runs", "With --smoke: the folder in which the run would be created.")
def check(
    recipe: Path,
    overrides: tuple[str, ...],
    show: bool,
    smoke: bool,
    data: Path | None,
    output: Path,
    choice: PluginChoice,
) -> None:
    """Check RECIPE and report every mistake in it.

    Without --smoke, it opens no data and does not load torch.
    """
    resolved, _ = load_recipe(recipe, overrides, choice)
    if show:
        from ..recipe import dump

        echo(dump(resolved), nl=False)
    if smoke:
        with drawn_phases():
            _dry_run(resolved, data, output)
    if not show:
        echo(f"{recipe}: the recipe is good" + ", and the dry run succeeded" * smoke)


def _dry_run(recipe: Recipe, data: Path | None, output: Path) -> None:
    """Do once what a run of the recipe does, and print a line for each; an error in it exits with 1."""
    from ..runs.dry_run import dry_run, not_checked  # imports torch, so only after the recipe is checked
    from ..runs.opening import build_run
    from ..runs.summary_lines import part_lines

    parts = build_run(recipe, data_folder(data))
    for line in part_lines(parts):
        echo(line)
    for line in parts.warnings:
        warn(line)
    with work() as running:
        running.started = True
        for line in dry_run(parts, output):
            echo(line)
    echo(f"not checked: {', '.join(not_checked(parts))}")
