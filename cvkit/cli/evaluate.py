"""``cvkit evaluate``: measure a trained model on labelled images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ..files.inputs import inputs_digest
from ..phases import phase
from .exit_code import SOME_FAILED
from .loading import reopen, warn
from .options import PluginChoice, column_option, model_argument, output_option, predicting_options
from .terminal import bar, echo

if TYPE_CHECKING:
    from ..evaluation.request import Request, Task


@click.command()
@model_argument
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Labelled images: a folder with a folder for each class, or a CSV, TSV or Parquet table. With --split: the "
    "new place of the run's data set.",
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation", "train"]),
    help="Images of the run's own data set. Default: those that measured the result, unless --data is given.",
)
@click.option(
    "--run",
    "run",
    metavar="RUN",
    type=click.Path(file_okay=False, path_type=Path),
    help="For an exported file: the run whose data set, loss and metrics are used.",
)
@click.option("--ignore-unknown", is_flag=True, help="Leave out images of classes that the model does not have.")
@column_option
@click.option("--label-column", metavar="NAME", help="Column of the table with the class. Default: label, class, ...")
@click.option("--views", is_flag=True, help="Average over the views of evaluation.views or evaluation.flip_tta.")
@output_option(
    "evaluations",
    "Folder for the results, which go into a subfolder named after run and data; earlier results are replaced.",
)
@predicting_options
@click.pass_context
def evaluate(
    ctx: click.Context,
    folder: Path,
    data: Path | None,
    split: Literal["test", "validation", "train"] | None,
    run: Path | None,
    ignore_unknown: bool,
    column: str | None,
    label_column: str | None,
    views: bool,
    output: Path,
    batch_size: int | None,
    workers: int | None,
    trusted: bool,
    choice: PluginChoice,
) -> None:
    """Measure a trained MODEL on labelled images, and write a report.

    MODEL is a run folder, or a model.onnx or model.pt2 file that `cvkit export` wrote.
    The images are those of the run's own data set, or others: a folder with a folder for each class, or a table of
    files and classes. Classes are matched by name. Files that cannot be read are left out, and the exit code is 3.
    """
    given = data is not None and split is None
    if not given and (ignore_unknown or column or label_column or batch_size or workers is not None):
        raise click.UsageError(
            "--ignore-unknown, --column, --label-column, --batch-size and --workers are for other images than those "
            "of the run; name them with --data, without --split"
        )

    def request() -> Request:
        from ..evaluation.given_images import TableColumns
        from ..evaluation.request import Request  # imports torch, so only after the recipe is checked

        return Request(data, split, TableColumns(column, label_column), ignore_unknown, views, batch_size, workers)

    task = _prepared(folder, run, choice, trusted, request)
    with phase("loading libraries"):  # those of the page take seconds
        from ..evaluation.page import remarks, result_lines, results_folder, write_results

    digest = inputs_digest([folder, run if data is None else None, data, split])
    images = data if given else None
    inputs = [path for path in (folder, run, images) if path is not None and path.is_dir()]
    place = results_folder(output, task.name, digest, inputs)
    place.require_safe_to_replace()
    for line in task.of.opened.warnings:
        warn(line)
    echo(f"{task.of.opened.label}, on {task.what}")
    with bar(task.total, "evaluating") as advance:
        measured = task.measure(advance)
        with phase("drawing the page"):
            paths = write_results(place, task.of, measured, task.what, digest)
    for line in remarks(measured):
        warn(line)
    for line in result_lines(measured):
        echo(line)
    for path in paths:
        echo(path)
    if measured.unread:
        ctx.exit(SOME_FAILED)


def _prepared(
    folder: Path, run: Path | None, choice: PluginChoice, trusted: bool, request: Callable[[], Request]
) -> Task:
    """Return the evaluation of the model at `folder`; `run` is that of an exported file."""
    from ..runs.folder import RunFolder

    if folder.is_file() or not folder.exists():
        from ..prediction.opened import is_exported, opened_file  # imports torch

        if is_exported(folder):
            given = None
            if run is not None:
                found = RunFolder.open(run)
                given = (found, reopen(found, choice)[0])
            else:
                choice.require_none(folder)
            from ..evaluation.request import prepared_file

            return prepared_file(opened_file(folder, trusted=trusted), given, request(), warn)
    found = RunFolder.open(folder)
    if run is not None:
        raise click.UsageError(f"--run is for an exported file, but '{folder}' is a run; leave out --run")
    recipe, _ = reopen(found, choice)
    from ..evaluation.request import prepared
    from ..prediction.opened import data_info_of
    from ..runs.load import load_trained

    loaded = load_trained(found, recipe, data_info_of(found))
    return prepared(found, recipe, loaded, request(), warn)
