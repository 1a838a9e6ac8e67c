"""``cvkit run``: from a recipe to a report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CvkitError, DivergedError, MachineError, one_line
from ..printable import shell_words
from ..resource_errors import told_as_machine
from .loading import load_recipe, reopen, warn
from .options import PluginChoice, accept_option, data_folder, data_option, plugin_options, set_option
from .run_data import data_root_of
from .signals import Interrupted, exit_code_of, heard
from .terminal import OutputLost, echo

if TYPE_CHECKING:
    from ..engine.run import Run
    from ..host.catalog import Catalog
    from ..recipe import Recipe
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
        execute(build_run(checked, data_folder(data)), catalog, output, data_folder(data))
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
    execute(build_run(recipe, place), catalog, folder, place, accept_changes)


def build_run(recipe: Recipe, data: Path) -> Run:
    """Return a run of the recipe; made before its folder is, which is not made for parts that do not fit together."""
    from ..engine.building import open_dataset
    from ..engine.run import Run

    return Run(recipe, open_dataset(recipe, data))


def execute(run: Run, catalog: Catalog, place: RunFolder | Path, data: Path, accept_changes: bool = False) -> None:
    """Continue the run in a folder, or start it in a new folder under a path, and note there how it ends."""
    from ..runs.folder import RunFolder
    from ..runs.session import Session

    folder = RunFolder.create(place, run.recipe.name) if isinstance(place, Path) else place
    echo(f"run folder: {folder.path}")
    session = Session(run, folder, data, catalog, accept_changes=accept_changes)
    try:
        with ended_by_signals(session), told_as_machine("the run was at work"):
            for change in session.start():
                warn(change)
            tune_train_report(session)
    except KeyboardInterrupt as error:
        end(session, "interrupted")
        done = f"stopped after step {run.step:,}, saved; " if session.saved and run.step else ""
        echo(f"{done}{way_on(session)}", err=True)
        raise SystemExit(exit_code_of(error)) from None
    except (MachineError, OutputLost) as error:
        end(session, "interrupted", error=str(error))
        error.add_note(way_on(session))
        raise
    except CvkitError as error:
        end(session, "failed", error=str(error))
        helpless = isinstance(error, DivergedError) or not folder.is_there()  # to resume would not help
        if session.started and not helpless:
            error.add_note(f"once that is mended, {way_on(session)}")
        raise
    except Exception as error:  # a defect, of a plugin's or of cvkit's, which keeps its traceback
        end(session, "failed", error=f"{type(error).__name__}: {one_line(error)}")
        error.add_note(f"once that is mended, {way_on(session)}")
        raise
    finally:
        folder.unlock()


def way_on(session: Session) -> str:
    """Return how to go on with a run that has ended early."""
    if session.folder.recipe_path.exists() or session.folder.has_checkpoints():
        return f"continue with: {shell_words('cvkit', 'resume', session.folder.path)}"
    return "nothing of it was trained; start it again"  # what ended it came before its recipe was written


def end(session: Session, status: str, **details: str) -> None:
    """Note in the folder how the run stands, where it can be written: what ended the run may be that it cannot."""
    if session.started:
        with suppress(CvkitError, OSError):
            session.set_status(status, **details)


def tune_train_report(session: Session) -> None:
    """Tune, train and report; raise `Interrupted` where a signal ended the training."""
    from ..recipe import AUTO
    from .display import Display

    run = session.run
    told = dict.fromkeys(session.warnings)  # such as a damaged checkpoint passed over
    for message in told:
        warn(message)
    if run.step:
        echo(f"continuing after step {run.step:,} of {run.planned_steps:,}")
    for tuner, proposal in session.tune():
        found = "no value" if proposal.value is None else proposal.value
        echo(f"{tuner.entry.component.name} for {tuner.target}: {found} ({proposal.reason})")
        if (value := session.recipe.value(tuner.target)) not in (proposal.value, AUTO):
            echo(f"the recipe's own {tuner.target} stays: {value}")
    with Display(run) as display:
        lost: OutputLost | None = None
        for event in session.train():
            try:
                display.show(event)
            except OutputLost as error:  # the step is saved first
                lost, session.stop = lost or error, True
    if lost:
        raise lost
    if session.stop:
        return
    report = session.report()
    for message in dict.fromkeys(session.warnings):
        if message not in told:
            warn(message)
    echo(f"report: {report}")


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
