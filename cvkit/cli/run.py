"""``cvkit run``: train the model of a recipe and write a report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..phases import phase
from ..resource_errors import reporting_shortages
from ..runs.data_folder import data_folder
from ..runs.signals import exit_code_of_signal
from .exit_code import mark_failed
from .loading import load_recipe, reopen, warn
from .options import PluginChoice, accept_option, data_option, output_option, plugin_options, set_option
from .run_data import data_root_of
from .terminal import OutputLost, echo, echo_after_signal
from .together import joined

if TYPE_CHECKING:
    from ..engine.parts import RunParts
    from ..host.catalog import Catalog
    from ..runs.folder import RunFolder
    from ..runs.session import Session
    from ..runs.watching import Events
    from ..world.world import World


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@output_option("runs", "Folder in which the run folder is created.")
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
    """Train, test and explain the model of RECIPE.

    Checks RECIPE first and runs its tuners before training. Writes a report and all other results to a new folder.
    """
    with joined() as world:
        _run(recipe, overrides, output, data, resume, accept_changes, choice, world)


def _run(
    recipe: Path,
    overrides: tuple[str, ...],
    output: Path,
    data: Path | None,
    resume: bool,
    accept_changes: bool,
    choice: PluginChoice,
    world: World | None,
) -> None:
    checked, catalog = load_recipe(recipe, overrides, choice)
    from ..recipe import AUTO, changes
    from ..runs.folder import RunFolder
    from ..runs.opening import build_run
    from ..runs.unfinished import newest_unfinished  # imports torch, so only after the recipe is checked

    found, passed_over = newest_unfinished(output, checked.name) if resume else (None, [])
    if world is not None:  # the first process may have made a folder already
        path = world.from_first(None if found is None else found.path)
        found = None if path is None else RunFolder.open(path)
    for line in passed_over:
        warn(line)
    if found is None:
        if resume:
            echo(f"found no unfinished run of '{checked.name}' in '{output}'; starting a new one")
        carry_out(build_run(checked, data_folder(data), world), catalog, output, data_folder(data))
    elif overrides:
        raise click.UsageError(
            f"--set cannot change a run that has started, such as '{found.path}'; remove --set or --resume"
        )
    else:
        for change in changes(found.recipe_text(), checked):
            if change.now != AUTO:  # a tuner has replaced `auto` since
                warn(
                    f"ignoring {change.path} in '{recipe}': the resumed run uses {change.before}, "
                    f"but the file has {change.now}"
                )
        resume_run(found, data, choice, accept_changes, world=world)


def resume_run(
    folder: RunFolder,
    data: Path | None,
    choice: PluginChoice,
    accept_changes: bool,
    finishes: bool = False,
    world: World | None = None,
) -> None:
    """Continue the run in `folder` with its own recipe, and with the data in `data` or else where they were.

    If `finishes` is true, evaluate and report it instead of training it further.
    """
    from ..runs.opening import rebuild_run

    recipe, catalog = reopen(folder, choice)
    place = data_root_of(folder, recipe, data)
    parts = rebuild_run(recipe, place, folder, accept_changes, world)
    carry_out(parts, catalog, folder, place.path, accept_changes, finishes)


def carry_out(
    parts: RunParts,
    catalog: Catalog,
    place: RunFolder | Path,
    data: Path,
    accept_changes: bool = False,
    finishes: bool = False,
) -> None:
    """Continue the run in a run folder, or start it in a new folder inside the path `place`; print the events.

    If `finishes` is true, the run is evaluated and reported instead of trained further. If several processes train
    together, all but the first one leave the folder and the terminal to that one.
    """
    if not parts.world.first:
        return follow(parts)
    with phase("loading libraries"):  # those of the report take seconds
        from ..runs.execute import execute, noted_end
        from ..runs.folder import RunFolder
        from ..runs.interruption import ended_by_signals
        from ..runs.lines import add_way_on, folder_line, stopped_line
        from ..runs.session import Session
        from ..runs.summary_lines import closing_lines, opening_lines

    began = time.monotonic()
    folder = RunFolder.create(place, parts.recipe.name) if isinstance(place, Path) else place
    echo(folder_line(folder))
    session = Session(parts, folder, data, catalog, accept_changes=accept_changes, finishes=finishes)
    for line in opening_lines(session):
        echo(line)
    try:
        with (
            noted_end(session, warn),
            ended_by_signals(session, echo_after_signal),
            reporting_shortages("the run was in progress"),
            parts.world.ending_together(),
        ):
            print_events(session, execute(session), lambda: closing_lines(session, time.monotonic() - began))
    except KeyboardInterrupt as error:
        echo(stopped_line(session), err=True)
        raise SystemExit(exit_code_of_signal(error)) from None
    except Exception as error:
        if session.started:
            mark_failed(error)
        add_way_on(error, session)
        raise


def follow(parts: RunParts) -> None:
    """Train with the other processes of a run, of which the first one has the folder and the terminal."""
    from ..runs.interruption import ended_by_signals
    from ..runs.together import Follower

    follower = Follower(parts)
    try:
        with (
            ended_by_signals(follower, lambda line: None),
            reporting_shortages("the run was in progress"),
            parts.world.ending_together(),
        ):
            follower.carry_out()
    except Exception as error:
        mark_failed(error)
        raise


def print_events(session: Session, events: Events, closing_lines: Callable[[], Iterable[str]] = tuple) -> None:
    """Consume the events of a session and print them; if printing fails, raise `OutputLost` after saving the step.

    `closing_lines` returns the lines before the line of the report, which is the last one.
    """
    from ..engine.records import EpochRecord
    from ..engine.trainer import Step
    from ..runs.execute import Reported, TrainingEnded, TrainingStarted, Warned
    from ..runs.lines import EventLines
    from .display import Display

    lost: OutputLost | None = None
    lines = EventLines()
    with ExitStack() as shown, closing(events):
        display: Display | None = None
        for event in events:
            if isinstance(event, Step | EpochRecord) and display is not None:
                try:
                    display.show(event, lines.of(event))
                except OutputLost as error:
                    lost, session.stop = lost or error, True
                continue
            if isinstance(event, TrainingEnded):
                shown.close()
            if isinstance(event, Reported):
                for line in closing_lines():
                    echo(line)
                echo(event.path, label="report:")
                continue
            for line in lines.of(event):
                warn(line) if isinstance(event, Warned) else echo(line)
            if isinstance(event, TrainingStarted):
                display = shown.enter_context(Display(event.trainer))
    if lost:
        raise lost
