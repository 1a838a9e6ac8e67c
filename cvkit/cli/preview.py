"""``cvkit preview``: show on one page what a recipe would do, without training."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import click

from ..files.output_folder import OutputFolder
from ..phases import phase
from ..runs.data_folder import data_folder
from .exit_code import work
from .loading import load_recipe
from .options import PluginChoice, data_option, output_option, plugin_options, set_option
from .terminal import echo

NAMES = frozenset(("preview.html", "schedule.svg", "schedule.png", "augmented", "pixels.csv", "augmentations.csv"))


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@output_option(
    "previews",
    "Folder for the preview, which goes into a subfolder named after the recipe; an earlier one is replaced.",
)
@data_option
@plugin_options
def preview(recipe: Path, overrides: tuple[str, ...], output: Path, data: Path | None, choice: PluginChoice) -> None:
    """Draw the schedule and augmented images of RECIPE.

    Trains nothing and runs no tuner.
    """
    checked, _ = load_recipe(recipe, overrides, choice)
    place = OutputFolder(output / f"preview-{checked.name}", "cvkit preview", NAMES)
    place.require_safe_to_replace()
    from ..diagnostics.preview_page import preview_page
    from ..engine.assembly import build_parts  # imports torch, so only after the recipe is checked
    from ..engine.building import open_dataset
    from ..figures.page import render

    parts = build_parts(checked, open_dataset(checked, data_folder(data)))
    with phase("drawing the images and the schedule"):
        page = preview_page(parts, version("cvkit-core"))
    with work() as drawing, phase("drawing the page"):
        drawing.started = True
        files = {"preview.html": render(page).encode()}
        for section in page.sections:
            for artifact in section.artifacts:
                files |= artifact.files()
        written = place.write(files)
    for path in written:
        echo(path)
