"""``cvkit speed``: measure a recipe's settings on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from ..runs.data_folder import data_folder
from .exit_code import work
from .loading import load_recipe, warn
from .options import PluginChoice, data_option, plugin_options, set_option
from .tables import print_table
from .terminal import echo


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@click.option(
    "--minutes",
    type=click.FloatRange(0, 240, min_open=True),
    default=2.0,
    show_default=True,
    help="Time for measuring, after the recipe is checked and its data are opened.",
)
@click.option(
    "--write",
    "written",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the fastest settings to this file, as a recipe that extends RECIPE.",
)
@click.option(
    "--choose-batch-size",
    "with_size",
    is_flag=True,
    help="Also write the fastest batch size, which changes training.",
)
@data_option
@plugin_options
def speed(
    recipe: Path,
    overrides: tuple[str, ...],
    minutes: float,
    written: Path | None,
    with_size: bool,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Measure how fast RECIPE trains on this machine, and which settings are faster.

    Takes training steps on copies of the model in each precision and memory order that the device has, and compiled;
    loads images with several numbers of processes; and measures the loop, the evaluation and batch sizes. Prints what
    limits the speed, and how long the recipe takes. Trains no model and writes no run folder.
    """
    if with_size and written is None:
        raise click.UsageError("--choose-batch-size needs --write FILE")
    checked, _ = load_recipe(recipe, overrides, choice)
    from ..speed.written import recipe_text, require_free, write

    if written is not None:
        require_free(written)
        if overrides:
            warn("the recipe that is written extends the file, without the values of --set")
    from ..doctor.machine import busy_line
    from ..engine.assembly import build_parts  # imports torch, so only after the recipe is checked
    from ..engine.building import open_dataset
    from ..speed.budget import Budget
    from ..speed.measuring import measure
    from ..speed.sentences import STEP_HEADER, lines, loading_rows, size_line, size_rows, step_rows

    parts = build_parts(checked, open_dataset(checked, data_folder(data)))
    if busy := busy_line():
        warn(busy)
    echo(f"measuring for at most about {minutes:g} min on {parts.device}")
    with work() as measuring:
        measuring.started = True
        found = measure(parts, Budget(60 * minutes), lambda line: echo(line, err=True))
        echo()
        print_table(STEP_HEADER, step_rows(found))
        if found.loading:
            echo()
            print_table(("loading processes", "images/s", "ratio", ""), loading_rows(found))
        if found.sizes:
            echo()
            print_table(("batch size", "images/s", "ratio", ""), size_rows(found))
        echo()
        for line in (*lines(found), *size_line(found)):
            echo(line)
        for sentence in found.left_out:
            echo(f"not measured: {sentence}")
        if written is None:
            return
        if text := recipe_text(found, recipe, written, with_size):
            write(written, text)
            echo(f"wrote {written}")
        else:
            warn(f"'{written}' was not written, because no setting is clearly faster")
