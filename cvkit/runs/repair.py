"""A run's files, held against what its checkpoint keeps of them: what differs is told, what is lost is put back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import RunError
from ..printable import shell_words
from ..recipe import Recipe, changes, dump, read_text
from ..recipe.nodes import plain
from .folder import RunFolder
from .json_files import read_info, read_tuning
from .snapshot import FIXED, RunSnapshot, gap, told_apart

UNCHECKED = (
    "the checkpoint this run goes on from is an earlier cvkit's, which keeps no copy of recipe.yaml, run.json, "
    "metrics.jsonl and tuning.json: whether they were changed could not be checked"
)


def require_never_trained(folder: RunFolder, damaged: list[str]) -> None:
    """Raise `RunError` where a run without a checkpoint that can be read says that it was trained."""
    try:
        info = folder.info()
    except RunError:
        info = {}
    epochs = len(folder.record_lines())  # one that does not read is one of a run that was trained, too
    if not (epochs or damaged or info.get("trained") or info.get("sessions") or info.get("extended")):
        return
    began = f"{epochs} epochs were trained" if epochs else "it had begun to train"
    lost = "; ".join(damaged) or f"its checkpoints are gone from '{folder.path / 'checkpoints'}'"
    command = shell_words("cvkit", "run", folder.recipe_path)
    raise RunError(
        f"'{folder.path}' cannot go on: {began}, but {lost}. Put a checkpoint back, or start a new run: {command}"
    )


def agree_on_recipe(
    folder: RunFolder, kept: RunSnapshot, recipe: Recipe, accept: bool, *, same_data: bool = False
) -> list[str]:
    """Return a line for each value of `recipe` that is not what the run was trained with, once that is accepted.

    `same_data`: the data set is known to hold what the run was trained on, so its path may be another. Raises
    `RunError` where a change is not accepted, or where the value decides what is trained: the run would then be
    neither the one recipe's nor the other's.
    """
    found = changes(kept.recipe, recipe)
    if not found:
        return _reworded(folder, kept)
    name, said = folder.recipe_path, "; ".join(map(str, found))
    back = f"to go on with the recipe it began with, remove '{name}': the checkpoint's copy takes its place"
    if bound := [
        change.path for change in found if not (change.free or (same_data and change.path == "dataset.path"))
    ]:
        command = shell_words("cvkit", "run", name)
        longer = (
            f". For more epochs, remove '{name}' and use {shell_words('cvkit', 'extend', folder.path)} --epochs N"
        )
        raise RunError(
            f"'{name}' was changed since the last checkpoint: {said}. A run that has begun cannot take over "
            f"{', '.join(bound)}. Start a new run with it: {command}"
            + (longer if "train.epochs" in bound else "")
            + f". Or, {back}"
        )
    if not accept:
        raise RunError(
            f"'{name}' was changed since the last checkpoint: {said}. If that is meant, add --accept-changes; {back}"
        )
    return [f"recipe.yaml was changed, and that was accepted: {change}" for change in found]


def _reworded(folder: RunFolder, kept: RunSnapshot) -> list[str]:
    """Return a line where recipe.yaml says the same in other words, such as without a value that is its default."""
    if folder.has_whole_recipe(kept) and _values(folder.recipe_text()) != _values(kept.recipe):
        return ["recipe.yaml was changed, though not in what it means, and is left as it is"]
    return []


def _values(text: str) -> Any:
    """Return what a recipe's text says, without its comments and its layout."""
    return plain(read_text(text, extends=False).root)


def kept_of(folder: RunFolder, state: Mapping[str, Any]) -> tuple[RunSnapshot, list[str]]:
    """Return what a checkpoint's state keeps, and what a reader must know where it keeps nothing.

    The files then have to be believed.
    """
    if (kept := RunSnapshot.of(state)) is not None:
        return kept, []
    records = [r for r in folder.record_lines() if r is not None and r.epoch <= state["epoch"]]
    told = [UNCHECKED]
    if wrong := gap(records, state["epoch"]):
        told.append(f"metrics.jsonl {wrong}: the report is without what is not there")
    return RunSnapshot(folder.recipe_text(), folder.tuning(), tuple(records), folder.info()), told


def differences(folder: RunFolder, kept: RunSnapshot) -> dict[str, str]:
    """Return a line for each file that differs from the checkpoint's copy, which takes its place; none is written."""
    found: dict[str, str] = {}
    if differs := told_apart(folder.record_lines(), kept.records):
        found["metrics.jsonl"] = differs
    if ((tuning := folder.intact("tuning.json", read_tuning)) or []) != kept.tuning:
        found["tuning.json"] = "is lost or damaged" if tuning is None else "was changed"
    if (info := folder.intact("run.json", read_info)) is None:
        found["run.json"] = "is lost or damaged"
    elif other := [key for key in FIXED if info.get(key) != kept.info.get(key)] + _without_sessions(info, kept):
        found["run.json"] = f"was changed in {', '.join(other)}"
    if not folder.has_whole_recipe(kept):
        found["recipe.yaml"] = "is lost or damaged"
    return {name: f"{name} {what}: the checkpoint's copy takes its place" for name, what in found.items()}


def _without_sessions(info: Mapping[str, Any], kept: RunSnapshot) -> list[str]:
    """Return the names of the lists of run.json, to which sessions only add, that lack what they held."""
    sessions, warnings = (kept.info.get(key, []) for key in ("sessions", "warnings"))
    lacking = {
        "sessions": info.get("sessions", [])[: len(sessions)] != sessions,
        "warnings": not set(warnings) <= set(info.get("warnings", [])),
    }
    return [key for key, lacks in lacking.items() if lacks]


def put_back(folder: RunFolder, kept: RunSnapshot, recipe: Recipe) -> list[str]:
    """Write the checkpoint's copy in place of what differs from it, and return a line for each file that did.

    A damaged recipe is kept under another name. metrics.jsonl and run.json are left to who writes them in any case.
    """
    found = differences(folder, kept)
    if "tuning.json" in found:
        folder.write_tuning(kept.tuning)
    if "recipe.yaml" in found:
        if aside := folder.set_recipe_aside():
            found["recipe.yaml"] += f", and the file is kept as {aside}"
        folder.write_recipe(dump(recipe) if changes(kept.recipe, recipe) else kept.recipe)
    return list(found.values())


def began(folder: RunFolder, kept: RunSnapshot, made_with: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return what run.json is to say of how the run began, and a line for what nobody knows any more.

    `made_with`: what a session says of its components and environment.
    """
    found = folder.intact("run.json", read_info) or {}
    own = {key: value for key, value in found.items() if key not in FIXED}
    own |= {key: kept.info.get(key, []) for key in _without_sessions(found, kept)}
    info = kept.info | own | {key: kept.info[key] for key in FIXED if key in kept.info}
    lost = [key for key in made_with if key not in info]
    told = f"run.json has lost the {' and '.join(lost)} of when the run began: what is there now is recorded instead"
    return {"started": "unknown", **made_with} | info, [told] if lost else []
