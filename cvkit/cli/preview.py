"""``cvkit preview``: what a recipe would do, on one page, without training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import RunError
from .loading import load_recipe
from .options import PluginChoice, data_folder, data_option, plugin_options, set_option

if TYPE_CHECKING:
    from ..diagnostics.artifacts import Artifact
    from ..engine.run import Run
    from ..report import Page


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("previews"),
    show_default=True,
    help="Folder in which the preview's own folder is made, or made anew.",
)
@data_option
@plugin_options
def preview(recipe: Path, overrides: tuple[str, ...], output: Path, data: Path | None, choice: PluginChoice) -> None:
    """Draw the schedule of RECIPE and a sheet of augmented training images, without training."""
    checked, _ = load_recipe(recipe, overrides, choice)
    from ..engine.parts import open_dataset  # torch loads here, after the recipe is known to be good
    from ..engine.run import Run
    from ..report import render

    page = compose(Run(checked, open_dataset(checked, data_folder(data))))
    artifacts = [artifact for section in page.sections for artifact in section.artifacts]
    for path in keep(output / f"preview-{checked.name}", render(page), artifacts):
        click.echo(path)


def compose(run: Run) -> Page:
    """Return the page of a preview."""
    from ..diagnostics.preview import course, planned_images, planned_schedule, stand_in_notes
    from ..report import Fact, Page, Section

    planned, images = course(run), planned_images(run)
    steps, epochs = run.planned_steps, run.plan.epochs
    notes = (
        [] if images else ["There is no sheet of images: the recipe has no augmentations, or report.augmented: 0."]
    )
    if steps < run.plan.total_steps:
        notes.append(
            f"The schedule is made for {run.plan.total_steps:,} steps; train.max_steps ends the run after {steps:,}."
        )
    return Page(
        title=f"Preview of {run.recipe.name}",
        subtitle="What a run of this recipe would do. Nothing was trained.",
        facts=(
            Fact("Planned steps", f"{steps:,}", f"{epochs:,} epoch{'s' * (epochs != 1)} of {run.batching.steps:,}"),
            Fact("Training images", f"{len(run.source):,}", f"batches of {run.recipe.train.batch_size:,}"),
        ),
        warnings=tuple(stand_in_notes(run, planned)),
        notes=tuple(notes),
        sections=(
            Section("Schedule", (planned_schedule(planned),)),
            Section("Data", (images,) if images else ()),
        ),
    )


def keep(folder: Path, html: str, artifacts: list[Artifact]) -> list[Path]:
    """Write the page and its artifacts into `folder`, in place of an earlier preview's; return the paths to open.

    A gallery's path is its folder. Raises `RunError` where they cannot be written.
    """
    files = {name: content for artifact in artifacts for name, content in artifact.files().items()}
    try:
        for old in folder.glob("augmented/*.png"):  # there may be fewer this time
            old.unlink()
        for name, content in {**files, "preview.html": html.encode()}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise RunError(
            f"the preview cannot be written to '{folder}': {error.strerror}; choose another --output"
        ) from error
    return [folder / name for name in ("preview.html", *dict.fromkeys(name.partition("/")[0] for name in files))]
