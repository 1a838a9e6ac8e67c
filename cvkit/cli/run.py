"""``cvkit run``: from a recipe to a report."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from ..errors import CvkitError, one_line
from ..printable import shell_words
from .loading import load_recipe, reopen, warn
from .options import PluginChoice, accept_option, data_folder, data_option, plugin_options, set_option
from .terminal import echo

if TYPE_CHECKING:
    from ..catalog import Catalog
    from ..engine.run import Run
    from ..folder import RunFolder
    from ..recipe import Recipe
    from ..session import Session


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder in which the run's own folder is made.",
)
@data_option
@accept_option
@plugin_options
@click.option("--resume", is_flag=True, help="Continue the newest unfinished run of this recipe in --output.")
def run(
    recipe: Path,
    overrides: tuple[str, ...],
    output: Path,
    data: Path | None,
    resume: bool,
    accept_changes: bool,
    choice: PluginChoice,
) -> None:
    """Train, test and explain what RECIPE says, and report.

    RECIPE is checked first, and its tuners run. The folder of the run is new, and holds the report.
    """
    checked, catalog = load_recipe(recipe, overrides, choice)
    from ..folder import RunFolder  # torch loads here, after the recipe is known to be good

    found, passed_over = RunFolder.newest_unfinished(output, checked.name) if resume else (None, [])
    for line in passed_over:
        warn(line)
    if found is None:
        if resume:
            echo(f"there is no unfinished run of '{checked.name}' in '{output}': starting a new one")
        carry_out(prepared(checked, data_folder(data)), catalog, output, data_folder(data))
    elif overrides:
        raise click.UsageError(
            f"--set cannot change a run that has begun, as '{found.path}' has: leave out one of the two"
        )
    else:
        go_on(found, data, choice, accept_changes)


def go_on(folder: RunFolder, data: Path | None, choice: PluginChoice, accept_changes: bool) -> None:
    """Continue the run in `folder` by its own recipe, with the data where it was unless `data` says otherwise."""
    recipe, catalog = reopen(folder, choice)
    place = data_of(folder, data)
    carry_out(prepared(recipe, place), catalog, folder, place, accept_changes)


def data_of(folder: RunFolder, given: Path | None) -> Path:
    """Return the data folder of a run: the one given, else the one it used."""
    known = folder.info().get("data")
    return Path(known) if given is None and known else data_folder(given)


def prepared(recipe: Recipe, data: Path) -> Run:
    """Return a run of the recipe; made before its folder is, which is not made for parts that do not fit together."""
    from ..engine.parts import open_dataset
    from ..engine.run import Run

    return Run(recipe, open_dataset(recipe, data))


def carry_out(run: Run, catalog: Catalog, place: RunFolder | Path, data: Path, accept_changes: bool = False) -> None:
    """Continue the run in a folder, or start it in a new folder under a path, and note there how it ends."""
    from ..folder import RunFolder
    from ..session import Session

    folder = RunFolder.create(place, run.recipe.name) if isinstance(place, Path) else place
    echo(f"run folder: {folder.path}")
    session = Session(run, folder, data, catalog, accept_changes=accept_changes)
    for change in session.start():
        warn(change)
    try:
        work_through(session)
    except CvkitError as error:
        session.end("failed", error=str(error))
        raise
    except (KeyboardInterrupt, BrokenPipeError):  # the latter where the output's reader has gone, as in `| head`
        session.end("interrupted")
        echo(f"continue with: {shell_words('cvkit', 'resume', folder.path)}", err=True)
        raise
    except Exception as error:  # a defect, of a plugin's or of cvkit's, which keeps its traceback
        session.end("failed", error=f"{type(error).__name__}: {one_line(error)}")
        raise


def work_through(session: Session) -> None:
    """Tune, train and report; exit with 130 or 143 where SIGINT or SIGTERM ended the training."""
    from ..recipe import AUTO
    from .display import Display

    run, folder = session.run, session.folder
    told = dict.fromkeys(session.warnings)  # such as a damaged checkpoint passed over
    for message in told:
        warn(message)
    if run.step:
        echo(f"continuing after step {run.step:,} of {run.planned_steps:,}")
    for tuner, proposal in session.tune():
        found = "no value" if proposal.value is None else proposal.value
        echo(f"{tuner.entry.component.name} for {tuner.sets}: {found} ({proposal.reason})")
        if (value := session.recipe.value(tuner.sets)) not in (proposal.value, AUTO):
            echo(f"the recipe's own {tuner.sets} stays: {value}")
    with stopped_by_signals(session) as received, Display(run) as display:
        for event in session.train():
            display.show(event)
    if received:
        command = shell_words("cvkit", "resume", folder.path)
        echo(f"stopped after step {run.step:,}, saved; continue with: {command}", err=True)
        raise SystemExit(128 + received[0])
    report = session.report()
    for message in dict.fromkeys(session.warnings):
        if message not in told:
            warn(message)
    echo(f"report: {report}")


@contextmanager
def stopped_by_signals(session: Session) -> Iterator[list[int]]:
    """Let SIGINT and SIGTERM end the session after the step at hand; a second one ends it at once.

    Yields the list of signals received.
    """
    received: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)
        session.stop = True
        echo("finishing the step and saving; once more to stop at once", err=True)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
