"""``cvkit run``: train the model of a recipe and write a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CvkitError, DivergedError
from ..printable import shell_words
from ..resource_errors import told_as_machine
from ..runs.data_folder import data_folder
from .loading import load_recipe, reopen, warn
from .options import PluginChoice, accept_option, data_option, plugin_options, set_option
from .run_data import data_root_of
from .signals import Interrupted, exit_code_of, heard
from .terminal import OutputLost, echo

if TYPE_CHECKING:
    from ..engine.parts import RunParts
    from ..host.catalog import Catalog
    from ..recipe import Recipe
    from ..runs.execute import Tuned
    from ..runs.folder import RunFolder
    from ..runs.session import Session


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@set_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder in which the run folder is created.",
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
    """Train, test and explain the model of RECIPE.

    Checks RECIPE first and runs its tuners before training. Writes a report and all other results to a new folder.
    """
    checked, catalog = load_recipe(recipe, overrides, choice)
    from ..recipe import AUTO, changes
    from ..runs.unfinished import newest_unfinished  # imports torch, so only after the recipe is checked

    found, passed_over = newest_unfinished(output, checked.name) if resume else (None, [])
    for line in passed_over:
        warn(line)
    if found is None:
        if resume:
            echo(f"found no unfinished run of '{checked.name}' in '{output}'; starting a new one")
        carry_out(build_run(checked, data_folder(data)), catalog, output, data_folder(data))
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
        resume_run(found, data, choice, accept_changes)


def resume_run(folder: RunFolder, data: Path | None, choice: PluginChoice, accept_changes: bool) -> None:
    """Continue the run in `folder` with its own recipe, and with the data in `data` or else where they were."""
    recipe, catalog = reopen(folder, choice)
    place = data_root_of(folder, recipe, data)
    restored = folder if folder.has_checkpoints() else None
    carry_out(build_run(recipe, place, restored), catalog, folder, place, accept_changes)


def build_run(recipe: Recipe, data: Path, restored: RunFolder | None = None) -> RunParts:
    """Return the parts of a run; raise an error if they do not fit together, before a folder is created.

    `restored` is the run whose checkpoint the parts will be restored from, if there is one.
    """
    from ..engine.assembly import build_parts
    from ..engine.building import open_dataset

    if restored is None:
        return build_parts(recipe, open_dataset(recipe, data))
    recorded = restored.pretrained_input()
    return build_parts(recipe, open_dataset(recipe, data), restoring=True, recorded=recorded)


def carry_out(
    parts: RunParts, catalog: Catalog, place: RunFolder | Path, data: Path, accept_changes: bool = False
) -> None:
    """Continue the run in a run folder, or start it in a new folder inside the path `place`; print the events."""
    from ..runs.execute import is_resumable, noted_end
    from ..runs.folder import RunFolder
    from ..runs.session import Session

    folder = RunFolder.create(place, parts.recipe.name) if isinstance(place, Path) else place
    echo(f"run folder: {folder.path}")
    session = Session(parts, folder, data, catalog, accept_changes=accept_changes)
    try:
        with noted_end(session), ended_by_signals(session), told_as_machine("the run was in progress"):
            print_events(session)
    except KeyboardInterrupt as error:
        done = f"stopped and saved after step {session.step:,}; " if session.saved and session.step else ""
        echo(f"{done}{way_on(session)}", err=True)
        raise SystemExit(exit_code_of(error)) from None
    except Exception as error:
        defect = not isinstance(error, CvkitError)  # a bug in a plugin or in cvkit: keep its traceback
        helpless = isinstance(error, DivergedError) or not folder.is_there()  # resuming would not help
        if is_resumable(error):
            error.add_note(way_on(session))
        elif defect or (session.started and not helpless):
            error.add_note(f"after fixing this, {way_on(session)}")
        raise


def way_on(session: Session) -> str:
    """Return how to continue a run that ended early."""
    if session.folder.recipe_path.exists() or session.folder.has_checkpoints():
        return f"continue with: {shell_words('cvkit', 'resume', session.folder.path)}"
    return "start the run again; it had not trained yet"  # it ended before its recipe was written


def print_events(session: Session) -> None:
    """Execute the session and print its events; if printing fails, raise `OutputLost` after saving the step."""
    from ..engine.records import EpochRecord
    from ..engine.trainer import Step
    from ..runs.execute import Reported, TrainingEnded, TrainingStarted, Tuned, Warned, execute
    from .display import Display

    lost: OutputLost | None = None
    with ExitStack() as shown, closing(execute(session)) as events:
        display: Display | None = None
        for event in events:
            match event:
                case Warned(message):
                    warn(message)
                case Tuned():
                    print_tuned(event)
                case TrainingStarted(trainer):
                    if trainer.step:
                        echo(f"continuing after step {trainer.step:,} of {trainer.parts.planned_steps:,}")
                    display = shown.enter_context(Display(trainer))
                case Step() | EpochRecord() if display is not None:
                    try:
                        display.show(event)
                    except OutputLost as error:
                        lost, session.stop = lost or error, True
                case TrainingEnded():
                    shown.close()
                case Reported(path):
                    echo(f"report: {path}")
    if lost:
        raise lost


def print_tuned(event: Tuned) -> None:
    """Print the value that a tuner proposed, and the recipe's own value if that is used instead."""
    from ..recipe import AUTO

    tuner, proposal = event.tuner, event.proposal
    found = "no value" if proposal.value is None else proposal.value
    echo(f"{tuner.entry.component.name} for {tuner.target}: {found} ({proposal.reason})")
    if event.value not in (proposal.value, AUTO):
        echo(f"keeping the {tuner.target} of the recipe: {event.value}")


@contextmanager
def ended_by_signals(session: Session) -> Iterator[None]:
    """End the session on a signal: after the current step if it is not saved yet, otherwise immediately.

    A second signal always ends it immediately. Raises `Interrupted` in both cases.
    """
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        session.stop = True  # always: Python drops exceptions raised in some places, such as __del__
        if len(received) > 1 or session.saved:
            raise Interrupted(number)
        with suppress(RuntimeError):  # raised if the signal interrupts a write to the same stream
            echo("finishing the step and saving it; send the signal again to stop immediately", err=True)

    with heard(stop):
        yield
        if received:
            raise Interrupted(received[0])
