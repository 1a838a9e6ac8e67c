"""``cvkit repeat``: train a recipe with several seeds, and measure how much the result depends on them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..printable import shell_words
from ..runs.signals import exit_code_of_signal
from .exit_code import FAILED
from .loading import load_recipe, warn
from .options import PluginChoice, data_option, plugin_options, set_option
from .tables import print_table
from .terminal import echo

if TYPE_CHECKING:
    from ..repeats.work import RepeatJob


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@click.option(
    "--seeds", default="5", show_default=True, help="A number of seeds, counted from 0, or seeds such as 3,7,9."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the repeat. Default: runs/NAME-repeat, with the name of the recipe.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Number of runs that train at once, each in a process of its own.",
)
@data_option
@plugin_options
def repeat(
    recipe: Path,
    overrides: tuple[str, ...],
    seeds: str,
    output: Path | None,
    processes: int,
    data: Path | None,
    choice: PluginChoice,
) -> None:
    """Train RECIPE with several seeds, and show the mean and the spread.

    Each seed has an ordinary run folder in --output. Started again, the command continues unfinished runs and skips
    finished ones; other --seeds are added. A seed that fails does not end the others; the exit code is then 1.
    """
    from ..repeats.seeds import parse_seeds

    try:
        chosen = parse_seeds(seeds)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--seeds'") from None
    checked, catalog = load_recipe(recipe, overrides, choice)
    from ..repeats.folder import RepeatFolder  # imports torch, so only after the recipe is checked
    from ..repeats.work import RepeatJob
    from ..runs.watching import Watch
    from .run import print_events

    folder = RepeatFolder(output or Path("runs") / f"{checked.name}-repeat")
    folder.require(checked)
    job = RepeatJob(folder, checked, catalog, data)
    prepared = None if folder.exists else job.prepare(chosen[0])  # before a folder is created
    added = [seed for seed in folder.begin(checked, chosen) if seed not in chosen]
    echo(f"repeat folder: {folder.path}")
    if added:
        echo(f"the folder also contains seeds that were given before: {', '.join(map(str, added))}")
    pending = job.unfinished()
    if done := len(folder.seeds()) - len(pending):
        echo(f"{done:,} of {len(folder.seeds()):,} runs have finished; {len(pending):,} to train")
    try:
        if processes == 1 or len(pending) < 2:
            failed = bool(job.train(pending, Watch(echo, warn, print_events), prepared))
        else:
            failed = _in_processes(job, pending, processes, choice)
    except KeyboardInterrupt as error:
        echo(f"stopped; what was trained is saved. To continue: {shell_words('cvkit', *sys.argv[1:])}", err=True)
        raise SystemExit(exit_code_of_signal(error)) from None
    if not _print_summary(job) or failed:
        raise SystemExit(FAILED)


def _in_processes(job: RepeatJob, seeds: tuple[int, ...], processes: int, choice: PluginChoice) -> bool:
    """Train the seeds in several processes; return whether one failed."""
    from ..repeats.worker import train_in_processes
    from ..runs.watching import Watch
    from .run import print_events

    watch = Watch(echo, warn, print_events)
    return bool(train_in_processes(job, seeds, processes, choice.paths, choice.disabled, watch))


def _print_summary(job: RepeatJob) -> bool:
    """Print the results of the seeds and write the page; return whether all seeds have finished."""
    from ..repeats.lines import header, rows, sentences, spread_rows

    summary, missing = job.summarise()
    if summary is not None:
        print_table(header(summary), [*rows(summary), *spread_rows(summary)])
        for line in sentences(summary):
            echo(line)
    for line in missing:
        warn(line)
    if missing:
        echo(f"to train the missing seeds: {shell_words('cvkit', *sys.argv[1:])}", err=True)
    if summary is not None:
        echo(f"page: {job.folder.page_path}")
    return not missing
