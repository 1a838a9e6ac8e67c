"""``cvkit extend``: train a run for more epochs, in a new folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import CheckpointError, CvkitError
from ..printable import shell_words
from ..recipe.settings_group import MOST_EPOCHS
from .loading import reopen, warn
from .options import PluginChoice, accept_option, moved_data_option, plugin_options
from .run import carry_out
from .run_data import data_root_of
from .terminal import echo

if TYPE_CHECKING:
    from ..engine.trainer import Trainer
    from ..recipe import Recipe
    from ..runs.snapshot import RunSnapshot

SCHEDULES = ("stretch", "hold", "again")


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--epochs", metavar="N", type=click.IntRange(1, MOST_EPOCHS), required=True, help="Total number of epochs."
)
@click.option(
    "--schedule",
    type=click.Choice(SCHEDULES),
    help="How to continue the learning-rate schedule. Leave it out to compare the choices.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the new run folder. Default: the folder that contains RUN.",
)
@moved_data_option
@accept_option
@plugin_options
def extend(
    folder: Path,
    epochs: int,
    schedule: str | None,
    output: Path | None,
    data: Path | None,
    accept_changes: bool,
    choice: PluginChoice,
) -> None:
    """Train the run in the folder RUN for more epochs.

    Training continues from the newest checkpoint in a new folder; RUN is not changed. --schedule
    determines how the learning rate continues. With stretch, the schedule is planned for all epochs, as in a new run
    with that many epochs. With hold, the last learning rate of the old schedule is kept. With again, the schedule is
    repeated over the added epochs.
    """
    from ..engine.trainer import Trainer
    from ..recipe import dump
    from ..runs.extend import ScheduleExtension, fork
    from ..runs.folder import RunFolder
    from ..runs.opening import rebuild_run
    from ..runs.repair import agree_on_recipe, began, differences, snapshot_of
    from ..runs.restore import moved_places, require_same_data, restore_run

    found = RunFolder.open(folder)
    if output is not None and found.path.resolve() in (output.resolve(), *output.resolve().parents):
        raise click.UsageError(
            f"--output '{output}' is inside RUN, which extend never changes; choose another folder"
        )
    recipe, catalog = reopen(found, choice)
    ScheduleExtension(recipe, epochs, schedule or "stretch")  # raises if it is impossible, before data are opened
    state, damaged = found.newest_state()
    if state is None:
        again = (
            f"start a new run: {shell_words('cvkit', 'run', found.recipe_path, '--set', f'train.epochs={epochs}')}"
        )
        raise CheckpointError("; ".join([f"'{folder}' contains no readable checkpoint", *damaged, again]))
    if error := found.info().get("error"):
        warn(f"this run failed: {error}")
    extension = None if schedule is None else ScheduleExtension(recipe, epochs, schedule)
    place = data_root_of(found, recipe, data)
    parts = rebuild_run(recipe if extension is None else extension.extended, place, found, accept_changes)
    snapshot, warnings = snapshot_of(found, state)
    moved = moved_places(parts, state, snapshot.info)
    warnings += [*damaged, *agree_on_recipe(found, snapshot, recipe, accept_changes, moved=moved)]
    warnings += differences(found, snapshot).values()
    warnings += require_same_data(parts, state, accept_changes=accept_changes)
    trainer = Trainer(parts)
    restore_run(trainer, state)
    if extension is None:
        raise click.UsageError(_choices(trainer, epochs))
    became = extension.describe(trainer)
    note = {"after_step": trainer.step, "epochs": epochs, "schedule": schedule, "became": became}
    snapshot = replace(snapshot, info=began(found, snapshot, {})[0])
    text = dump(parts.recipe, notes=_tuned(snapshot, recipe))
    extended = fork(found, output or found.path.parent, text, state, snapshot, note, warnings)
    echo(f"{schedule}: {became}")
    del trainer  # the run makes its own, and two optimizers may not fit into memory
    carry_out(parts, catalog, extended, place.path, accept_changes)


def _tuned(snapshot: RunSnapshot, recipe: Recipe) -> dict[str, str]:
    """Return notes by path for the recipe's values that a tuner found and that were not changed since."""
    tuned = {}
    for result in snapshot.tuning:
        with suppress(KeyError):  # tuning.json may name a path that the recipe lacks
            if recipe.value(result["sets"]) == result["value"]:
                tuned[result["sets"]] = f"by {result['tuner']}"
    return tuned


def _choices(trainer: Trainer, epochs: int) -> str:
    """Return what each choice of --schedule would do to a restored run."""
    lines = [f"choose how to continue the schedule with --schedule. After step {trainer.step:,}:"]
    return "\n".join([*lines, *(f"  {name}: {_outcome(trainer, epochs, name)}" for name in SCHEDULES)])


def _outcome(trainer: Trainer, epochs: int, schedule: str) -> str:
    from ..runs.extend import ScheduleExtension

    try:
        return ScheduleExtension(trainer.parts.recipe, epochs, schedule).describe(trainer)
    except CvkitError as error:
        return f"not possible: {error}"
