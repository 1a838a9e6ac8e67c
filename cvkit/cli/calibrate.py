"""``cvkit calibrate``: calibrate the probabilities of a trained model, and let it decline images."""

from __future__ import annotations

from pathlib import Path

import click

from .loading import reopen, warn
from .options import PluginChoice, moved_data_option, plugin_options
from .tables import print_table
from .terminal import bar, echo

_BETWEEN = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--accuracy", type=_BETWEEN, help="Decline images so that this share of the others is right, as in 0.95."
)
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True),
    help="Decline the least certain images, and keep this share, as in 0.8.",
)
@click.option(
    "--error-rate",
    type=_BETWEEN,
    help="Predict a set of classes that misses the class of at most this share, as in 0.1. Sets with several classes "
    "are declined.",
)
@click.option("--per-class", is_flag=True, help="Fit a temperature and a bias for each class (vector scaling).")
@click.option(
    "--foreign",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of images of no class of the run; measure how many of them are declined.",
)
@click.option("--remove", is_flag=True, help="Remove the calibration of RUN.")
@moved_data_option
@plugin_options
def calibrate(
    folder: Path,
    accuracy: float | None,
    coverage: float | None,
    error_rate: float | None,
    per_class: bool,
    foreign: Path | None,
    remove: bool,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Calibrate the probabilities of the trained model of RUN, and let it decline images.

    The temperature and the rule are chosen on the validation images, and measured on the test images. The results are
    in calibration.json and calibration.html in RUN. Predictions use them until the run is trained further.
    """
    wanted = {"--accuracy": accuracy, "--coverage": coverage, "--error-rate": error_rate}
    given = [name for name, value in wanted.items() if value is not None]
    if remove and (given or per_class or foreign):
        raise click.UsageError(
            "--remove makes no calibration, so it cannot be combined with other options; omit them"
        )
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} are different rules, and a run has one; choose one of them")
    if foreign and not given:
        raise click.UsageError("--foreign needs a rule that declines: add --accuracy, --coverage or --error-rate")
    from ..runs.folder import RunFolder

    found = RunFolder.open(folder)
    if remove:
        found.lock()
        found.remove_calibration()
        echo(f"removed the calibration of '{folder}'")
        return
    recipe, _ = reopen(found, choice)

    from ..calibrating.calibrate import prepared, require_one_class  # torch loads here
    from ..calibrating.promises import promise_of
    from ..calibrating.saving import save
    from ..runs.load import load_trained
    from ..runs.run_data import open_data_of

    info = found.data_info() or open_data_of(found, recipe, data, None, warn).info
    require_one_class(info.task)
    found.lock()
    opened = load_trained(found, recipe, info, calibrated=False)
    for line in opened.damaged:
        warn(line)
    splits = open_data_of(found, recipe, data, opened.digest, warn)
    promise = promise_of(accuracy, coverage, error_rate)
    job = prepared(found, opened, recipe, splits, promise, per_class, foreign)
    echo(f"{found.path.name}, {opened.checkpoint_label}")
    with bar(len(job), "predicting") as advance:
        result = job.make(advance)
        paths = save(found, result, opened)
    for line in result.remarks():
        warn(line)
    for line in result.summary():
        echo(line)
    print_table(*result.table())
    for path in paths:
        echo(path)
