"""``cvkit explain``: what a trained model goes by, in any image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DataError, RunError
from .assumed import METHOD
from .explain_options import class_called, print_layers, with_methods, without_layers
from .loading import reopen, warn
from .options import PluginChoice, data_option, plugin_options
from .run_data import data_root_of
from .tables import print_table
from .terminal import console, echo, on_terminal

if TYPE_CHECKING:
    from ..data.splits import Splits
    from ..explain.scores import Scores
    from ..recipe import Recipe
    from ..runs.folder import RunFolder


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--method",
    "methods",
    metavar="NAMES",
    multiple=True,
    help=f"Explainers, as in --method grad_cam,layer_cam. Default: the recipe's, or {METHOD}.",
)
@click.option("--layer", metavar="NAME", help="Layer that the methods explain.")
@click.option("--layers", is_flag=True, help="List the layers that can be explained, and do no more.")
@click.option(
    "--target",
    "targets",
    metavar="CLASS",
    multiple=True,
    help="Class to explain, by name or index. Default: the predicted one, and the true one where known. Repeatable.",
)
@click.option("--against", metavar="CLASS", help="Explain what speaks for each class and not for this one.")
@click.option("--errors", is_flag=True, help="Of the test split, take the most confident errors, not a sample.")
@click.option(
    "--count", type=click.IntRange(1), default=24, show_default=True, help="Images taken of the test split, at most."
)
@click.option("--score", is_flag=True, help="Also score the methods, on images of the test split.")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("explanations"),
    show_default=True,
    help="Folder in which the explanations' own folder is made, or made anew.",
)
@data_option
@plugin_options
def explain(
    folder: Path,
    images: tuple[Path, ...],
    methods: tuple[str, ...],
    layer: str | None,
    layers: bool,
    targets: tuple[str, ...],
    against: str | None,
    errors: bool,
    count: int,
    score: bool,
    output: Path,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Show what the trained model of RUN goes by in images.

    IMAGES are files and folders of files; without them, some test images of the run are explained. A folder named
    like a class says what the images in it show.
    """
    if images and errors:
        raise click.UsageError("--errors is of the test split, and IMAGES are given: leave out one of the two")
    from ..explain.image_files import find_images
    from ..explain.layout import explanations_folder
    from ..runs.folder import RunFolder

    found = RunFolder.open(folder)
    recipe, catalog = reopen(found, choice)
    recipe = with_methods(recipe, found, catalog, methods, layer)
    kept = explanations_folder(output / found.path.name)
    if found.path.resolve() in kept.path.resolve().parents:
        raise RunError(f"'{output}' lies in the run folder, which explain only reads; choose another --output")
    kept.require_safe_to_replace()
    # A folder of before it was kept there has to ask the data themselves.
    info = found.data_info() or open_data(found, recipe, data).info
    asked = [class_called(name, info.classes) for name in targets]
    rival = None if against is None else class_called(against, info.classes)
    files = find_images(images, info.classes, kept.path) if images else []

    from ..explain.explainers import Explainers  # torch loads here, after what can be told without it
    from ..explain.image_io import reader_of
    from ..explain.image_source import FromFiles, FromSplit, ImageSource
    from ..explain.job import ExplainJob
    from ..explain.targets import ExplainTargets
    from ..runs.load import load_trained

    opened = load_trained(found, recipe, info)
    for line in opened.damaged:
        warn(line)
    stand = f"{found.path.name}, {opened.checkpoint_label}"
    echo(stand)
    warnings: list[str] = []
    explainers = Explainers(opened.trained, recipe.explainers, warnings)
    if layers:
        print_layers(explainers, Explainers(opened.trained, without_layers(recipe.explainers), []))
        for line in warnings:
            warn(line)
        return
    test = None if images and not score else open_data(found, recipe, data, opened.digest).test
    source: ImageSource
    if test is None or images:
        given = ", ".join(map(str, images[:3])) + ", ..." * (len(images) > 3)
        source = FromFiles(f"from {given}", files, reader_of(recipe, info.channels), info)
    elif errors:
        source = FromSplit.errors(test, count, opened.trained)
    else:
        source = FromSplit.sample(test, count, recipe.seed)
    title = f"Explanations of {recipe.name}"
    exhibit = ExplainJob(
        title, stand, explainers, ExplainTargets(asked, rival), source, test if score else None, warnings
    )
    with bar(len(source)) as advance:
        paths = exhibit.write(kept, advance)
    for line in exhibit.warnings:
        warn(line)
    if exhibit.scores:
        print_results(exhibit.scores)
    for path in paths:
        echo(path)


def open_data(folder: RunFolder, recipe: Recipe, data: Path | None, digest: str | None = None) -> Splits:
    """Return the data set of a run; raise `CvkitError` where it cannot be had, or is not the one of that digest."""
    from ..engine.building import open_dataset

    try:
        splits = open_dataset(recipe, data_root_of(folder, recipe, data))
    except DataError as error:
        remedy = "Name the folder that holds the data set with --data, or give images to explain"
        raise DataError(f"{error}. {remedy}") from error
    if digest is not None:
        splits.require(digest)
        if why := splits.incomparable(digest):
            warn(f"the data set {why}: whether its content is what the run was trained on could not be checked")
    return splits


@contextmanager
def bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show on a terminal how many of `total` pictures are done; it is told how many more. Nothing in a pipe."""
    from rich.progress import Progress

    with Progress(console=console(err=True), transient=True, disable=not on_terminal(err=True)) as progress:
        task = progress.add_task("explaining", total=total)
        yield lambda done: progress.advance(task, done)


def print_results(scores: Scores) -> None:
    """Print a line for each measure and map, and what the verdicts of new weights mean."""
    from ..explain.scores import bounds  # torch loads here

    rows = []
    for scored in scores.scored:
        for name, estimate in scored.estimates.items():
            interval = f"{estimate.low:.3f} to {estimate.high:.3f}"
            rivals = ", ".join(scored.beaten_by(name))
            remark = f" [not surely better than {rivals}]" if rivals else ""
            if name in scored.verdicts:
                remark = f" [{scored.verdicts[name]}]"
            rows.append((scored.measure.name, name, f"{estimate.mean:.3f}", interval + remark))
    print_table(("measure", "map", "score", "95 % interval"), rows, grouped=True)
    echo(f"new weights: {bounds()}")
