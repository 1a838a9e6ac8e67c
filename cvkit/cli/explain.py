"""``cvkit explain``: show which parts of an image a trained model uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DataError
from ..explain.selection import class_index, with_methods
from ..host.assumed import METHOD
from .completing import component_ids
from .explain_options import print_layers, without_layers
from .loading import reopen, warn
from .options import PluginChoice, moved_data_option, output_option, plugin_options
from .tables import print_table
from .terminal import bar, echo

if TYPE_CHECKING:
    from ..data.splits import Half, Split, Splits
    from ..explain.scores import Scores
    from ..recipe import Recipe
    from ..runs.folder import RunFolder

NO_TRAINING = "Name the place of the run's data with --data, or choose a method without training images"


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--method",
    "methods",
    metavar="NAMES",
    multiple=True,
    shell_complete=component_ids("explainers", listed=True),
    help=f"Explainers to use, as in --method grad_cam,layer_cam. Default: those of the recipe, or {METHOD}.",
)
@click.option("--layer", metavar="NAME", help="Layer to explain.")
@click.option("--layers", is_flag=True, help="List the layers that can be explained, and exit.")
@click.option(
    "--target",
    "targets",
    metavar="CLASS",
    multiple=True,
    help="Class to explain, by name or index. Default: the predicted class, and the true class if known. Repeatable.",
)
@click.option("--against", metavar="CLASS", help="Explain why the model prefers each target to this class.")
@click.option(
    "--errors",
    is_flag=True,
    help="Explain the most confident errors on the test split instead of a random sample of it.",
)
@click.option(
    "--count",
    type=click.IntRange(1),
    default=24,
    show_default=True,
    help="Largest number of images to take from the test split.",
)
@click.option("--score", is_flag=True, help="Also score the methods on images of the test split.")
@output_option(
    "explanations",
    "Folder for the results, which go into a subfolder named after the run; earlier results are replaced.",
)
@moved_data_option
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
    """Show which parts of an image the trained model of RUN uses.

    IMAGES are files and folders. Without IMAGES, the command explains some test images of the run. If a folder has
    the name of a class, that class is the label of its images.
    """
    if images and errors:
        raise click.UsageError(
            "--errors selects images of the test split, so it cannot be combined with IMAGES; remove one of the two"
        )
    from ..explain.image_files import find_images
    from ..explain.layout import explanations_folder
    from ..runs.folder import RunFolder

    found = RunFolder.open(folder)
    recipe, catalog = reopen(found, choice)
    recipe = with_methods(recipe, found.document, catalog, methods, layer, names=("--method", "--layer"))
    results = explanations_folder(output / found.path.name, found.path)
    results.require_safe_to_replace()
    # Older run folders do not store this, so the data set has to be opened.
    info = found.data_info()
    if info is None:
        with images_instead():
            info = open_data(found, recipe, data, None).info
    asked = [class_index(name, info.classes) for name in targets]
    rival = None if against is None else class_index(against, info.classes)
    files = find_images(images, info.classes, results.path) if images else []

    from ..data.resizing import framed_halves
    from ..engine.background import background_of
    from ..explain.explainers import Explainers  # imports torch, so only after the checks that do not need it
    from ..explain.image_io import reader_of
    from ..explain.image_source import FromFiles, FromSplit, ImageSource
    from ..explain.job import ExplainJob
    from ..explain.targets import ExplainTargets
    from ..runs.load import load_trained

    opened = load_trained(found, recipe, info, calibrated=False)
    for line in opened.damaged:
        warn(line)
    label = f"{found.path.name}, {opened.checkpoint_label}"
    echo(label)
    warnings: list[str] = []

    @cache
    def splits_of_run() -> Splits:
        return framed_halves(replace(open_data(found, recipe, data, opened.digest), info=info))

    background = background_of(lambda: splits_of_run().train, info, opened.trained.inputs, recipe.seed, NO_TRAINING)
    explainers = Explainers(opened.trained, recipe.explainers, warnings, background)
    if layers:
        print_layers(explainers, Explainers(opened.trained, without_layers(recipe.explainers), [], background))
        for line in warnings:
            warn(line)
        return
    half: Half = "test"
    images_of_run: Split | None = None  # opened only if they are needed
    if not images or score:
        with images_instead():
            splits = splits_of_run()
        half, images_of_run = splits.final, splits.half(splits.final)
    source: ImageSource
    if images_of_run is None or images:
        given = ", ".join(map(str, images[:3])) + ", ..." * (len(images) > 3)
        source = FromFiles(f"from {given}", files, reader_of(recipe, info.channels), info)
    elif errors:
        source = FromSplit.errors(images_of_run, count, opened.trained, half)
    else:
        source = FromSplit.sample(images_of_run, count, recipe.seed, half, info.labels)
    title = f"Explanations of {recipe.name}"
    job = ExplainJob(
        title, label, explainers, ExplainTargets(asked, rival), source, images_of_run if score else None, warnings
    )
    with bar(len(source), "explaining") as advance:
        paths = job.write(results, advance)
    for name, line in explainers.notes():
        echo(f"{name}: {line}")
    for line in job.warnings:
        warn(line)
    if job.scores:
        print_results(job.scores)
    for path in paths:
        echo(path)


def open_data(folder: RunFolder, recipe: Recipe, data: Path | None, digest: str | None) -> Splits:
    """Return the data set of a run; raise `CvkitError` if it cannot be opened or its digest is not `digest`."""
    from ..runs.run_data import open_data_of

    return open_data_of(folder, recipe, data, digest, warn)


@contextmanager
def images_instead() -> Iterator[None]:
    """Add to the message of a `DataError` that images do not require the data set."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error}. Or give images to explain, which do not require the data set") from error


def print_results(scores: Scores) -> None:
    """Print one line for each measure and map, and what the verdicts about new weights mean."""
    from ..explain.scores import bounds, positive_part  # torch loads here

    rows = []
    for scored in scores.scored:
        for name, estimate in scored.estimates.items():
            interval = f"{estimate.low:.3f} to {estimate.high:.3f}"
            rivals = ", ".join(scored.beaten_by(name))
            remark = f" [not significantly better than {rivals}]" if rivals else ""
            if name in scored.verdicts:
                remark = f" [{scored.verdicts[name]}]"
            rows.append((scored.measure.name, name, f"{estimate.mean:.3f}", interval + remark))
    print_table(("measure", "map", "score", "95 % interval"), rows, grouped=True)
    echo(f"new weights: {bounds()}")
    if scores.signed:
        echo(f"{positive_part(scores.signed)}.")
