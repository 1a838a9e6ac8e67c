"""Add epochs to a run: the extended recipe, the effect on the learning-rate schedule, and the new run folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..engine.decisions_state import reopened
from ..engine.lr_curve import MAX_STEPS, lr_curve
from ..engine.trainer import Trainer
from ..errors import RunError
from ..formatting import counted
from ..recipe import Recipe
from .folder import TIME, RunFolder
from .snapshot import RunSnapshot


@dataclass(frozen=True)
class ScheduleExtension:
    """Extends the run of `recipe` to a total of `epochs`.

    `schedule` is ``stretch``, ``hold`` or ``again``. Raises `RunError` if `epochs` adds nothing, if `train.max_steps`
    would end the run earlier, or if `schedule` is ``again`` while the last learning rate is already being held. No
    recipe can express the last case.
    """

    recipe: Recipe
    epochs: int
    schedule: str

    def __post_init__(self) -> None:
        before = self.recipe.train
        if self.epochs <= before.epochs:
            raise RunError(
                f"the run has {counted(before.epochs, 'epoch')}; --epochs is the new total and must be larger"
            )
        if before.max_steps is not None:
            raise RunError(
                f"train.max_steps ends this run after {counted(before.max_steps, 'step')}, so more "
                "epochs have no effect; "
                "start a new run with --set train.max_steps=null"
            )
        if self.schedule == "again" and sum(before.passes) < before.epochs:
            raise RunError(
                f"the schedule of this run ended with epoch {sum(before.passes)}, and its last learning rate has "
                "been held since then; it can only be held longer (--schedule hold) or stretched (--schedule stretch)"
            )

    @property
    def extended(self) -> Recipe:
        """The recipe with the epochs added."""
        passes = self.recipe.train.passes
        spans = {"stretch": None, "hold": passes, "again": (*passes, self.epochs - sum(passes))}[self.schedule]
        return self.recipe.with_value("train.epochs", self.epochs).with_value("train.schedule_epochs", spans)

    def describe(self, trainer: Trainer) -> str:
        """Return a sentence about the effect on the schedule and on the largest learning rate.

        `trainer` is restored from the checkpoint and may have either recipe. Errors of the scheduler pass through: it
        may not accept the number of epochs.
        """
        if self.extended.train.steps(trainer.parts.batching.steps) > MAX_STEPS:
            return f"{self._words()}; learning rates are not compared for runs of more than {MAX_STEPS:,} steps"
        before, after = (
            lr_curve(trainer.parts, recipe.train).rates.max(axis=1) for recipe in (self.recipe, self.extended)
        )
        taken = trainer.schedule.taken
        changed = "; callbacks may change these rates" if self.recipe.callbacks else ""
        return (
            f"{self._words()}; the learning rate continues at {after[taken]:.3g} (it was "
            f"{before[max(taken - 1, 0)]:.3g}) and ends at {after[-1]:.3g}{changed}"
        )

    def _words(self) -> str:
        passes = self.recipe.train.passes
        end, spans = sum(passes), " + ".join(map(str, passes))
        match self.schedule:
            case "stretch":
                return f"the schedule now spans {counted(self.epochs, 'epoch')} instead of {spans}"
            case "hold":
                return f"the schedule still spans {spans} epochs, and its last learning rate is held afterwards"
            case _:
                return f"the schedule starts again after epoch {end} and spans {counted(self.epochs - end, 'epoch')}"


def fork(
    origin: RunFolder,
    parent: Path,
    recipe: str,
    state: dict[str, Any],
    snapshot: RunSnapshot,
    note: dict[str, Any],
    warnings: list[str],
) -> RunFolder:
    """Create a run folder under `parent` with the checkpoint `state` and the YAML text `recipe`.

    The new folder gets the epoch records of the checkpoint `snapshot`, the results of the tuners, and the parts of
    run.json that describe how the run in `origin` began, but not its report. `note` is added to the list ``extended``
    of run.json, and `warnings` replaces its warnings. run.json is written last.
    """
    info = {key: value for key, value in snapshot.info.items() if key not in ("finished", "finished_early", "error")}
    info |= {"started": f"{datetime.now().astimezone():{TIME}}", "status": "interrupted", "warnings": warnings}
    info |= {"extended": [*info.get("extended", []), {"from": str(origin.path), **note}]}
    figures = {
        name: content for result in snapshot.tuning for name, content in origin.figure_files(result["name"]).items()
    }
    folder = RunFolder.create(parent, info.get("name", origin.path.name))
    for name, content in figures.items():
        folder.write(name, content)
    if snapshot.tuning:
        folder.write_tuning(snapshot.tuning)
    folder.write_records(snapshot.records)
    folder.write_recipe(recipe)
    state = reopened(state)
    folder.save(state["step"], state | {"kept": replace(snapshot, recipe=recipe, info=info).state()})
    folder.write_info(info)
    return folder
