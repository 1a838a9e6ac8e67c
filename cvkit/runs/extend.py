"""Epochs added to a run, and what becomes of its schedule: said in words and numbers, and written into its recipe."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ..engine.lr_curve import MAX_STEPS, lr_curve
from ..engine.trainer import Trainer
from ..errors import RunError
from ..recipe import Recipe
from .folder import TIME, RunFolder
from .snapshot import RunSnapshot


@dataclass(frozen=True)
class ScheduleExtension:
    """Trains the run of `recipe` to `epochs` in all; `schedule` is ``stretch``, ``hold`` or ``again``.

    Raises `RunError` where there is nothing to add, where `train.max_steps` would end the run before, and where a
    schedule that has ended and is held is to begin `again`, which no recipe can say.
    """

    recipe: Recipe
    epochs: int
    schedule: str

    def __post_init__(self) -> None:
        before = self.recipe.train
        if self.epochs <= before.epochs:
            raise RunError(
                f"the run has {before.epochs} epochs; --epochs says how many it shall have in all: give more"
            )
        if before.max_steps is not None:
            raise RunError(
                f"train.max_steps ends this run after {before.max_steps:,} steps, however many epochs it has; "
                "start a new one with --set train.max_steps=null"
            )
        if self.schedule == "again" and sum(before.passes) < before.epochs:
            raise RunError(
                f"the schedule of this run ended with epoch {sum(before.passes)} and its last rate is held since; it "
                "can be held on, or stretched"
            )

    @property
    def extended(self) -> Recipe:
        """The recipe with the epochs added."""
        passes = self.recipe.train.passes
        spans = {"stretch": None, "hold": passes, "again": (*passes, self.epochs - sum(passes))}[self.schedule]
        return self.recipe.with_value("train.epochs", self.epochs).with_value("train.schedule_epochs", spans)

    def describe(self, trainer: Trainer) -> str:
        """Return what becomes of a restored trainer's schedule, and of its largest learning rate.

        The run is of the recipe, extended or not. Raises what the scheduler does where the epochs do not suit it.
        """
        if self.extended.train.steps(trainer.parts.batching.steps) > MAX_STEPS:
            return f"{self._words()}; learning rates are not compared over more than {MAX_STEPS:,} steps"
        before, after = (
            lr_curve(trainer.parts, recipe.train).rates.max(axis=1) for recipe in (self.recipe, self.extended)
        )
        taken = trainer.schedule.taken
        return (
            f"{self._words()}; the learning rate goes on at {after[taken]:.3g} where it stood at "
            f"{before[max(taken - 1, 0)]:.3g}, and ends at {after[-1]:.3g}"
        )

    def _words(self) -> str:
        passes = self.recipe.train.passes
        end, spans = sum(passes), " + ".join(map(str, passes))
        match self.schedule:
            case "stretch":
                return f"the schedule is made for {self.epochs} epochs instead of {spans}"
            case "hold":
                return f"the schedule is made for {spans} epochs as before, and its last rate is held from then on"
            case _:
                return f"the schedule starts again after epoch {end}, and is made for {self.epochs - end} epochs"


def fork(
    origin: RunFolder,
    parent: Path,
    recipe: str,
    state: dict[str, Any],
    kept: RunSnapshot,
    note: dict[str, Any],
    warnings: list[str],
) -> RunFolder:
    """Make a run folder under `parent` that is where the checkpoint `state` is, to go on by the text `recipe`.

    It gets the records that the checkpoint of the run in `origin` keeps, what tuners measured, and what run.json says
    the run began with, but not what it says of the report; `note` joins its ``extended``, and `warnings` are its own.
    run.json comes last.
    """
    info = {key: value for key, value in kept.info.items() if key not in ("finished", "error")}
    info |= {"started": f"{datetime.now().astimezone():{TIME}}", "status": "interrupted", "warnings": warnings}
    info |= {"extended": [*info.get("extended", []), {"from": str(origin.path), **note}]}
    figures = {
        name: content for result in kept.tuning for name, content in origin.figure_files(result["name"]).items()
    }
    folder = RunFolder.create(parent, info.get("name", origin.path.name))
    for name, content in figures.items():
        folder.write(name, content)
    if kept.tuning:
        folder.write_tuning(kept.tuning)
    folder.write_records(kept.records)
    folder.write_recipe(recipe)
    folder.save(state["step"], state | {"kept": replace(kept, recipe=recipe, info=info).state()})
    folder.write_info(info)
    return folder
