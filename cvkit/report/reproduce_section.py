"""The section of a report about repeating the run: command, recipe, code, and how long each phase took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..diagnostics.recipe_table import recipe_table
from ..figures.artifacts import Table
from ..figures.page import Section
from ..formatting import counted, duration
from ..printable import shell_words
from ..recipe import Recipe
from .finished_run import FinishedRun
from .headline import Earlier

_SHORTEST = 0.05  # seconds of a phase that is worth a row: a run without tuners has no tuning

DOWNLOADS = (
    ("predictions.csv", "the prediction of every image"),
    ("metrics.jsonl", "the measurements of every epoch and step"),
    ("recipe.yaml", "the recipe with every default"),
    ("run.json", "components, environment, findings and result"),
    ("figures/", "the figures and tables of this page"),
)
"""The files beside a report, with what they contain."""


def reproduce_section(run: FinishedRun, phases: Mapping[str, float], earlier: Earlier | None) -> Section:
    """Return the section; `phases` are the seconds of each phase."""
    recipe, info = run.parts.recipe, run.info
    tables = [
        Table("repeat", "How to repeat this run", "", ("what", "value"), tuple(_facts(recipe, info))),
        Table("phases", "Time", _about_time(info), ("phase", "time"), tuple(_times(phases))),
        recipe_table(recipe),
    ]
    if earlier is not None:
        tables.append(
            Table(
                "recipe_changed",
                f"Changes of the recipe since {earlier.name}",
                _about_changes(earlier),
                ("path", "before", "now"),
                tuple((change.path, change.before, change.now) for change in earlier.changes or ()),
            )
        )
    text = f"Others may get another result: {'; '.join(run.irreproducible)}." if run.irreproducible else ""
    return Section("Reproduce", tuple(tables), text)


def _facts(recipe: Recipe, info: dict[str, Any]) -> Iterator[tuple[str, str]]:
    environment = info["environment"]
    processes = int(environment.get("processes", 1))
    command = shell_words("cvkit", "run", "recipe.yaml")
    if processes > 1:
        command = f"torchrun --nproc-per-node {processes} -m {command}"
    yield "command, in the folder of this page", command
    yield "seed", f"{recipe.seed}"
    yield "started", str(info.get("started", ""))
    yield "sessions", counted(1 + len(info.get("sessions", [])), "session")
    for each in info.get("repositories", []):
        state = f"{counted(len(each['changed']), 'file')} not committed" if each["changed"] else "all code committed"
        state = f"the code {each['problem']}" if each.get("problem") else state
        yield f"git commit of {Path(each['folder']).name}", f"{each['commit'][:12]}, {state}"
    yield "device", str(environment.get("device", ""))
    if str(environment.get("device", "")).startswith("cuda"):
        yield "last bits", "a GPU may add numbers in another order, so repeated runs may differ in the last bits"


def _about_changes(earlier: Earlier) -> str:
    if earlier.changes is None:
        return "They are not known, because the recipe of that run could not be read."
    return "" if earlier.changes else "There are none."


def _times(phases: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    yield from ((name, duration(seconds)) for name, seconds in phases.items() if seconds >= _SHORTEST)
    yield "together", duration(sum(phases.values()))


def _about_time(info: dict[str, Any]) -> str:
    if info.get("sessions"):
        return (
            "The time of the last session alone; the run was continued, and metrics.jsonl has the time of each epoch."
        )
    return "Training includes the evaluation after each epoch."
