"""``cvkit run``: from a recipe to a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CvkitError, DivergedError
from ..printable import shell_words
from ..resource_errors import told_as_machine
from .loading import load_recipe, reopen, warn
from .options import PluginChoice, accept_option, data_folder, data_option, plugin_options, set_option
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
    from ..recipe import AUTO, changes
    from ..runs.unfinished import newest_unfinished  # torch loads here, after the recipe is known to be good

    found, passed_over = newest_unfinished(output, checked.name) if resume else (None, [])
    for line in passed_over:
        warn(line)
    if found is None:
        if resume:
            echo(f"there is no unfinished run of '{checked.name}' in '{output}': starting a new one")
        carry_out(build_run(checked, data_folder(data)), catalog, output, data_folder(data))
    elif overrides:
        raise click.UsageError(
            f"--set cannot change a run that has begun, as '{found.path}' has: leave out one of the two"
        )
    else:
        for change in changes(found.recipe_text(), checked):
            if change.now != AUTO:  # which a tuner has filled in since
                warn(
                    f"'{recipe}' is not followed in {change.path}: the run that is continued has {change.before}, "
                    f"and the file has {change.now}"
                )
        resume_run(found, data, choice, accept_changes)


def resume_run(folder: RunFolder, data: Path | None, choice: PluginChoice, accept_changes: bool) -> None:
    """Continue the run in `folder` by its own recipe, with the data where it was unless `data` says otherwise."""
    recipe, catalog = reopen(folder, choice)
    place = data_root_of(folder, recipe, data)
    carry_out(build_run(recipe, place), catalog, folder, place, accept_changes)


def build_run(recipe: Recipe, data: Path) -> RunParts:
    """Return the parts of a run; raise what does not fit together before a folder is made."""
    from ..engine.assembly import build_parts
    from ..engine.building import open_dataset

    return build_parts(recipe, open_dataset(recipe, data))


def carry_out(
    parts: RunParts, catalog: Catalog, place: RunFolder | Path, data: Path, accept_changes: bool = False
) -> None:
    """Continue the run in a folder, or start it in a new folder under a path, printing what happens."""
    from ..runs.execute import is_resumable, noted_end
    from ..runs.folder import RunFolder
    from ..runs.session import Session

    folder = RunFolder.create(place, parts.recipe.name) if isinstance(place, Path) else place
    echo(f"run folder: {folder.path}")
    session = Session(parts, folder, data, catalog, accept_changes=accept_changes)
    try:
        with noted_end(session), ended_by_signals(session), told_as_machine("the run was at work"):
            print_events(session)
    except KeyboardInterrupt as error:
        done = f"stopped after step {session.step:,}, saved; " if session.saved and session.step else ""
        echo(f"{done}{way_on(session)}", err=True)
        raise SystemExit(exit_code_of(error)) from None
    except Exception as error:
        defect = not isinstance(error, CvkitError)  # of a plugin's or of cvkit's; it keeps its traceback
        helpless = isinstance(error, DivergedError) or not folder.is_there()  # to resume would not help
        if is_resumable(error):
            error.add_note(way_on(session))
        elif defect or (session.started and not helpless):
            error.add_note(f"once that is mended, {way_on(session)}")
        raise


def way_on(session: Session) -> str:
    """Return how to go on with a run that has ended early."""
    if session.folder.recipe_path.exists() or session.folder.has_checkpoints():
        return f"continue with: {shell_words('cvkit', 'resume', session.folder.path)}"
    return "nothing of it was trained; start it again"  # what ended it came before its recipe was written


def print_events(session: Session) -> None:
    """Execute the session and print what happens; raise `OutputLost`, once the step is saved, where that fails."""
    from ..engine.records import EpochRecord
    from ..engine.trainer import Step
    from ..runs.execute import Reported, TrainingStarted, Tuned, Warned, execute
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
                    if isinstance(event, EpochRecord) and session.trainer.finished:
                        shown.close()
                case Reported(path):
                    echo(f"report: {path}")
    if lost:
        raise lost


def print_tuned(event: Tuned) -> None:
    """Print what a tuner proposed, and the recipe's own value where that stays."""
    from ..recipe import AUTO

    tuner, proposal = event.tuner, event.proposal
    found = "no value" if proposal.value is None else proposal.value
    echo(f"{tuner.entry.component.name} for {tuner.target}: {found} ({proposal.reason})")
    if event.value not in (proposal.value, AUTO):
        echo(f"the recipe's own {tuner.target} stays: {event.value}")


@contextmanager
def ended_by_signals(session: Session) -> Iterator[None]:
    """Let a signal end the session: after the step at hand where that would be lost, else at once.

    A second signal ends it at once. Raises `Interrupted` in both cases.
    """
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        session.stop = True  # in any case: Python ignores what is raised where it cannot pass it on, as in a __del__
        if len(received) > 1 or session.saved:
            raise Interrupted(number)
        with suppress(RuntimeError):  # where it comes while a line is being written
            echo("finishing the step and saving; once more to stop at once", err=True)

    with heard(stop):
        yield
        if received:
            raise Interrupted(received[0])
