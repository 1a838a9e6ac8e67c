"""``cvkit evaluate``: measure a trained model on labelled images."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ..errors import FolderError
from .exit_code import SOME_FAILED
from .loading import reopen, warn
from .options import PluginChoice, output_option, plugin_options
from .terminal import bar, echo

if TYPE_CHECKING:
    from ..data.splits import Splits

MOST_NAMED = 5  # unreadable files on stderr; metrics.json has all


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
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
@click.option("--ignore-unknown", is_flag=True, help="Leave out images of classes that the model does not have.")
@click.option(
    "--column", metavar="NAME", help="Column of the table with the paths. Default: file_name, path, file, ..."
)
@click.option("--label-column", metavar="NAME", help="Column of the table with the class. Default: label, class, ...")
@click.option("--views", is_flag=True, help="Average over the views of evaluation.views or evaluation.flip_tta.")
@output_option(
    "evaluations",
    "Folder for the results, which go into a subfolder named after the run and the data; earlier results are replaced.",
)
@click.option("--batch-size", metavar="N", type=click.IntRange(1), help="Files per batch. Default: as in the run.")
@click.option(
    "--workers", metavar="N", type=click.IntRange(0, 256), help="Processes that load files. Default: as in the run."
)
@plugin_options
@click.pass_context
def evaluate(
    ctx: click.Context,
    folder: Path,
    data: Path | None,
    split: Literal["test", "validation", "train"] | None,
    ignore_unknown: bool,
    column: str | None,
    label_column: str | None,
    views: bool,
    output: Path,
    batch_size: int | None,
    workers: int | None,
    choice: PluginChoice,
) -> None:
    """Measure the trained model of RUN on labelled images, and write a report.

    The images are those of the run's own data set, or others: a folder with a folder for each class, or a table of
    files and classes. Classes are matched by name. Files that cannot be read are left out, and the exit code is 3.
    """
    given = data is not None and split is None
    if not given and (ignore_unknown or column or label_column or batch_size or workers is not None):
        raise click.UsageError(
            "--ignore-unknown, --column, --label-column, --batch-size and --workers are for other images than those "
            "of the run; name them with --data, without --split"
        )
    from ..runs.folder import RunFolder

    found = RunFolder.open(folder)
    recipe, _ = reopen(found, choice)
    from ..evaluation.evaluating import RunEvaluator, seen_views
    from ..evaluation.given_images import TableColumns, given_images
    from ..evaluation.page import result_lines, results_folder, write_results
    from ..prediction.opened import data_info_of, opened_run
    from ..runs.load import load_trained
    from ..runs.run_data import open_data_of

    info = data_info_of(found)
    images = None
    if given and data is not None:
        images = given_images(data, info, TableColumns(column, label_column), ignore_unknown=ignore_unknown)
    loaded = load_trained(found, recipe, info)
    opened = opened_run(found, recipe, loaded)

    @cache
    def own_data() -> Splits:
        return open_data_of(found, recipe, None if given else data, loaded.digest, warn)

    name = (split or own_data().final) if images is None else "given"
    what = f"'{data}'" if images is not None else f"the {name} images of the run"
    suffix = data.resolve().stem if images is not None and data is not None else name
    place = results_folder(output / f"{found.path.name}-{suffix}")
    if found.path.resolve() in place.path.resolve().parents:
        raise FolderError(
            f"'{output}' is inside the run folder, which evaluate never writes to; choose another --output"
        )
    place.require_safe_to_replace()
    of = RunEvaluator(found, recipe, opened, own_data, seen_views(recipe) if views else ())
    for line in opened.warnings:
        warn(line)
    echo(f"{opened.label}, on {what}")
    total = len(getattr(own_data(), name) or ()) if images is None else len(images.files)
    with bar(total, "evaluating") as advance:
        if images is None:
            measured = of.of_split(own_data(), name, advance)
        else:
            measured = of.of_files(images, advance, batch_size=batch_size, workers=workers)
        paths = write_results(place, of, measured, what)
    for line in [*measured.unread[:MOST_NAMED], *measured.notes]:
        warn(line)
    for line in result_lines(measured):
        echo(line)
    for path in paths:
        echo(path)
    if measured.unread:
        ctx.exit(SOME_FAILED)
