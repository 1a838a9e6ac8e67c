"""``cvkit evaluate``: measure a trained model on labelled images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ..errors import FolderError
from .exit_code import SOME_FAILED
from .loading import reopen, warn
from .options import PluginChoice, output_option, plugin_options, trust_option
from .terminal import bar, echo

if TYPE_CHECKING:
    from ..evaluation.request import Request, Task

MOST_NAMED = 5  # unreadable files on stderr; metrics.json has all


@click.command()
@click.argument("folder", metavar="MODEL", type=click.Path(path_type=Path))
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
@click.option(
    "--column", metavar="NAME", help="Column of the table with the paths. Default: file_name, path, file, ..."
)
@click.option("--label-column", metavar="NAME", help="Column of the table with the class. Default: label, class, ...")
@click.option("--views", is_flag=True, help="Average over the views of evaluation.views or evaluation.flip_tta.")
@output_option(
    "evaluations",
    "Folder for the results, which go into a subfolder named after run and data; earlier results are replaced.",
)
@click.option("--batch-size", metavar="N", type=click.IntRange(1), help="Files per batch. Default: as in the run.")
@click.option(
    "--workers", metavar="N", type=click.IntRange(0, 256), help="Processes that load files. Default: as in the run."
)
@trust_option
@plugin_options
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
    columns = (column, label_column)
    options = (data, split, columns, ignore_unknown, views, batch_size, workers)
    task, name = _prepared(folder, run, choice, trusted, options)
    from ..evaluation.page import result_lines, results_folder, write_results  # imports torch

    place = results_folder(output / f"{name}-{task.suffix}")
    for inside in (folder, run):
        if inside is not None and inside.is_dir() and inside.resolve() in place.path.resolve().parents:
            raise FolderError(f"'{output}' is inside the run folder, which stays as it is; choose another --output")
    place.require_safe_to_replace()
    for line in task.of.opened.warnings:
        warn(line)
    echo(f"{task.of.opened.label}, on {task.what}")
    with bar(task.total, "evaluating") as advance:
        measured = task.measure(advance)
        paths = write_results(place, task.of, measured, task.what)
    for line in [*measured.unread[:MOST_NAMED], *measured.notes]:
        warn(line)
    for line in result_lines(measured):
        echo(line)
    for path in paths:
        echo(path)
    if measured.unread:
        ctx.exit(SOME_FAILED)


def _prepared(
    folder: Path, run: Path | None, choice: PluginChoice, trusted: bool, options: tuple[Any, ...]
) -> tuple[Task, str]:
    """Return the evaluation of the model at `folder`, and the name of the model for a folder of results."""
    from ..runs.folder import RunFolder

    if folder.is_file() or not folder.exists():
        from ..prediction.opened import is_exported, opened_file  # imports torch

        if is_exported(folder):
            given = None
            if run is not None:
                found = RunFolder.open(run)
                given = (found, reopen(found, choice)[0])
            from ..evaluation.request import prepared_file

            opened = opened_file(folder, trusted=trusted)
            # Files of several runs have the same name, and none replaces the results of another.
            return prepared_file(opened, given, _request(options), warn), f"{folder.name}-{opened.digest()[:8]}"
    found = RunFolder.open(folder)
    if run is not None:
        raise click.UsageError(f"--run is for an exported file, but '{folder}' is a run; leave out --run")
    recipe, _ = reopen(found, choice)
    from ..evaluation.request import prepared  # imports torch, so only after the recipe is checked
    from ..prediction.opened import data_info_of
    from ..runs.load import load_trained

    loaded = load_trained(found, recipe, data_info_of(found))
    return prepared(found, recipe, loaded, _request(options), warn), found.path.name


def _request(options: tuple[Any, ...]) -> Request:
    from ..evaluation.given_images import TableColumns
    from ..evaluation.request import Request

    data, split, columns, *others = options
    return Request(data, split, TableColumns(*columns), *others)
