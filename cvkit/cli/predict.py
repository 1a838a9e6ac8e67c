"""``cvkit predict``: predict image files with a trained model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import DataError, RunError
from ..formatting import counted
from .exit_code import FAILED, SOME_FAILED, mark_failed
from .loading import reopen, warn
from .options import PluginChoice, column_option, model_argument, predicting_options
from .terminal import bar, echo, echo_data

if TYPE_CHECKING:
    from ..prediction.columns import Cell, Columns
    from ..prediction.image_paths import Listed
    from ..prediction.output import Earlier, Output, PredictionsFile

    Opened = tuple[Output, Earlier]

STANDARD = "-"  # standard input for paths, standard output for predictions
MOST_NAMED = 5  # unreadable files on stderr; the column `error` has all


@click.command()
@model_argument
@click.argument("images", nargs=-1)
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="Also predict the files that a column of this CSV, TSV or Parquet table lists.",
)
@column_option
@click.option("--top", metavar="K", type=click.IntRange(1), help="Write the K most probable classes. Default: 1.")
@click.option("--all", "every", is_flag=True, help="Write the probability of each class, in a column of its own.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default=Path(STANDARD),
    show_default=True,
    help="File to write, a .csv, .jsonl or .parquet file; - writes CSV to standard output.",
)
@click.option("--resume", is_flag=True, help="Continue an interrupted --output, after its last complete row.")
@predicting_options
@click.pass_context
def predict(
    ctx: click.Context,
    folder: Path,
    images: tuple[str, ...],
    table: Path | None,
    column: str | None,
    top: int | None,
    every: bool,
    output: Path,
    resume: bool,
    batch_size: int | None,
    workers: int | None,
    trusted: bool,
    choice: PluginChoice,
) -> None:
    """Predict the class of IMAGES with a trained MODEL, and write a table.

    MODEL is a run folder, or a model.onnx or model.pt2 file that `cvkit export` wrote.
    IMAGES are files, folders, which are searched with their subfolders, and patterns such as 'photos/*.jpg'; - reads
    a path from each line of standard input. The table has the file, the SHA-256 of its bytes, the class and its
    probability. A file that cannot be read has the reason in the column `error`; the others are predicted, and the
    exit code is 3.
    """
    to_standard = str(output) == STANDARD
    _require_sense(images, table, column, to_standard, resume)
    from ..prediction.image_paths import ImagePaths, paths_in_lines, require_some
    from ..prediction.path_tables import paths_in_table

    listed = [paths_in_table(table, column)] if table is not None else []
    listed += [paths_in_lines(sys.stdin.buffer)] if STANDARD in images else []
    given = [name for name in images if name != STANDARD]
    paths = ImagePaths(given, chain(*listed) if listed else ())
    paths.require_there()
    if not to_standard:
        _require_output(output, resume)
    lists = [f"'{table}'"] if table is not None else []
    found = require_some(paths, given, [*lists, *(["standard input"] if STANDARD in images else [])])

    from ..prediction.columns import Columns

    # These import torch, so only after the checks that do not need it.
    from ..prediction.opened import is_exported, open_classifier
    from ..prediction.output import PredictionsFile
    from ..prediction.predicting import predicted_batches

    if is_exported(folder):
        choice.require_none(folder)
    opened = open_classifier(folder, lambda run: reopen(run, choice)[0], trusted=trusted)
    rule = opened.classifier.prediction_rule
    if rule.several and top is not None:
        raise DataError(
            "--top is for images with one class each, but this model predicts a set of labels: those at or above "
            "their thresholds. Remove --top, or use --all for the probability of each label"
        )
    columns = Columns(opened.info.classes, rule.several, top or 1, every, rule.declines, rule.makes_sets)
    for line in opened.warnings:
        warn(line)
    echo(opened.label, err=True)
    file = None if to_standard else PredictionsFile(output, columns, opened.digest())
    with _opened(file, resume, found, columns) as (writer, earlier):
        done, failed, without_number = earlier.rows, earlier.failed, 0
        if done:
            echo(f"continuing after {counted(done, 'image')}", err=True)
        with bar(paths.count, "predicting") as advance:
            advance(0)  # the output exists, so the work has started
            for batch in predicted_batches(opened, found, batch_size=batch_size, workers=workers):
                writer.write([columns.row(each) for each in batch])
                for each in batch:
                    failed += bool(each.error)
                    without_number += bool(each.error) and each.logits is not None
                    if each.error and failed <= MOST_NAMED:
                        warn(each.error)
                done += len(batch)
                advance(len(batch))
    if not to_standard:
        echo(output)
    echo(_summary(done, failed, paths.left_out), err=True)
    if without_number and failed == done:
        raise _no_numbers()
    if failed:
        ctx.exit(SOME_FAILED)


def _require_sense(
    images: Sequence[str], table: Path | None, column: str | None, to_standard: bool, resume: bool
) -> None:
    """Raise `UsageError` for options that contradict each other."""
    if not images and table is None:
        raise click.UsageError("name IMAGES, or a --table of them")
    if column is not None and table is None:
        raise click.UsageError("--column belongs to --table")
    if resume and to_standard:
        raise click.UsageError("--resume continues a file; name it with --output")


def _require_output(output: Path, resume: bool) -> None:
    """Raise `CvkitError` unless predictions can be written to `output`."""
    from ..prediction.output import require_writable
    from ..prediction.parquet_format import require_pyarrow

    require_writable(output, resume)
    if output.suffix.lower() == ".parquet":
        require_pyarrow(output)


@contextmanager
def _opened(
    file: PredictionsFile | None, resume: bool, paths: Iterator[Listed], columns: Columns
) -> Iterator[Opened]:
    """Yield the output, and what an interrupted command has written to it; None writes to standard output."""
    from ..prediction.output import Earlier

    if file is None:
        yield _StandardOutput(columns), Earlier()
        return
    with file.locked() as warning:
        if warning:
            warn(warning)
        earlier = file.earlier(paths) if resume else None
        predicted = False
        try:
            with file.opened(earlier) as output:
                yield output, earlier or Earlier()
                predicted = True
        except (KeyboardInterrupt, Exception) as error:
            if predicted and isinstance(error, Exception):  # only the end of the file could not be written
                mark_failed(error)
            if not os.path.lexists(file.path):  # a Parquet file without rows, or one that could not be written
                raise
            if isinstance(error, KeyboardInterrupt) or getattr(error, "exit_code", 2) == FAILED:
                echo(f"'{file.path}' has the predictions so far{file.way_on}", err=True)
            raise


class _StandardOutput:
    """Writes CSV to standard output."""

    def __init__(self, columns: Columns) -> None:
        from ..prediction.text_formats import Csv

        self._format, self._columns = Csv(), columns
        echo_data(self._format.header(columns))

    def write(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Write the rows of a batch."""
        echo_data(self._format.lines(self._columns, rows))


def _no_numbers() -> RunError:
    """Return the error after a table in which no image has a prediction."""
    from ..engine.classifier import NO_NUMBER, OTHER_MODEL

    error = RunError(f"{NO_NUMBER} for every image that was read; {OTHER_MODEL}")
    mark_failed(error)
    return error


def _summary(done: int, failed: int, left_out: int) -> str:
    """Return what was predicted and what was not, as a sentence."""
    parts = [f"predicted {counted(done - failed, 'image')}"]
    if failed:
        parts.append(f"{counted(failed, 'file')} could not be predicted; the column `error` says why")
    if left_out:
        parts.append(f"left out {counted(left_out, 'file')} in folders without the ending of an image, such as .jpg")
    return "; ".join(parts)
