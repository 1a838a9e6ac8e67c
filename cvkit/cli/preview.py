"""``cvkit preview``: show on one page what a recipe would do, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..files.output_folder import OutputFolder
from ..formatting import counted
from ..phases import phase
from ..runs.data_folder import data_folder
from .exit_code import work
from .loading import load_recipe
from .options import PluginChoice, data_option, output_option, plugin_options, set_option
from .terminal import echo

if TYPE_CHECKING:
    from ..engine.parts import RunParts
    from ..figures.page import Page

NAMES = frozenset(("preview.html", "schedule.svg", "schedule.png", "augmented"))


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
    from ..engine.assembly import build_parts  # imports torch, so only after the recipe is checked
    from ..engine.building import open_dataset
    from ..figures.page import render

    page = preview_page(build_parts(checked, open_dataset(checked, data_folder(data))))
    with work() as drawing, phase("drawing the page"):
        drawing.started = True
        files = {"preview.html": render(page).encode()}
        for section in page.sections:
            for artifact in section.artifacts:
                files |= artifact.files()
        written = place.write(files)
    for path in written:
        echo(path)


def preview_page(parts: RunParts) -> Page:
    """Return the page that shows the schedule, the augmented images and the size of a run."""
    from ..diagnostics.preview import placeholder_notes, planned_images, planned_schedule
    from ..engine.lr_curve import lr_curve
    from ..figures.page import Fact, Page, Section

    planned, images = lr_curve(parts), planned_images(parts)
    steps, epochs = parts.planned_steps, parts.plan.epochs
    notes = (
        []
        if images
        else ["No images are shown, because the recipe has no augmentations or sets report.augmented: 0."]
    )
    if steps < parts.plan.total_steps:
        notes.append(
            f"The schedule is planned for {counted(parts.plan.total_steps, 'step')}, but "
            "train.max_steps ends the run after "
            f"{steps:,}."
        )
    return Page(
        title=f"Preview of {parts.recipe.name}",
        subtitle="What a run of this recipe would do. No model was trained.",
        facts=(
            Fact("Planned steps", f"{steps:,}", f"{counted(epochs, 'epoch')} of {parts.batching.steps:,}"),
            Fact("Training images", f"{len(parts.train_source):,}", f"batches of {parts.recipe.train.batch_size:,}"),
        ),
        warnings=(*parts.warnings, *placeholder_notes(parts, planned)),
        notes=tuple(notes),
        sections=(
            Section("Schedule", (planned_schedule(planned),)),
            Section("Data", (images,) if images else ()),
        ),
    )
