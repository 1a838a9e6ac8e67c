"""Compare a run's files with the copies in its checkpoint: report changes and restore what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..errors import CheckpointError, FolderError, RunError
from ..formatting import counted
from ..printable import shell_words
from ..recipe import Recipe, changes, dump, read_text
from ..recipe.nodes import plain
from .folder import RunFolder
from .json_files import read_info, read_tuning
from .snapshot import FIXED, RunSnapshot, gap, record_differences

UNCHECKED = (
    "the checkpoint was written by an earlier version of cvkit, which saved no copies of recipe.yaml, run.json, "
    "metrics.jsonl and tuning.json: whether these files were changed could not be checked"
)


def require_never_trained(folder: RunFolder, damaged: list[str]) -> None:
    """Raise `CheckpointError` if a run without a readable checkpoint has been trained."""
    try:
        info = folder.info()
    except FolderError:
        info = {}
    epochs = len(folder.record_lines())  # a line that cannot be read also shows that the run was trained
    if not (epochs or damaged or info.get("trained") or info.get("sessions") or info.get("extended")):
        return
    began = (
        f"{counted(epochs, 'epoch')} {'was' if epochs == 1 else 'were'} trained" if epochs else "training had started"
    )
    lost = "; ".join(damaged) or f"its checkpoints are missing from '{folder.path / 'checkpoints'}'"
    command = shell_words("cvkit", "run", folder.recipe_path)
    raise CheckpointError(
        f"'{folder.path}' cannot continue: {began}, but {lost}. Restore a checkpoint, or start a new run: {command}"
    )


def agree_on_recipe(
    folder: RunFolder, snapshot: RunSnapshot, recipe: Recipe, accept: bool, *, moved: Collection[str] = ()
) -> list[str]:
    """Return a line for each value of `recipe` that the run was not trained with, if these changes are accepted.

    `moved` are options that may name another place, because the run uses the same content there. Raises `RunError` if
    a change is not accepted, or if a changed value affects training: the run would then match neither the old recipe
    nor the new one.
    """
    found = changes(snapshot.recipe, recipe)
    if not found:
        return _reworded(folder, snapshot)
    name, said = folder.recipe_path, "; ".join(map(str, found))
    back = f"to continue with the original recipe, remove '{name}': cvkit restores it from the checkpoint"
    if bound := [change.path for change in found if not (change.free or change.path in moved)]:
        command = shell_words("cvkit", "run", name)
        longer = (
            f". For more epochs, remove '{name}' and use {shell_words('cvkit', 'extend', folder.path)} --epochs N"
        )
        raise RunError(
            f"'{name}' was changed after the last checkpoint: {said}. A run that has started cannot change "
            f"{', '.join(bound)}. Start a new run with the changed recipe: {command}"
            + (longer if "train.epochs" in bound else "")
            + f". Or, {back}"
        )
    if not accept:
        raise RunError(
            f"'{name}' was changed after the last checkpoint: {said}. To accept it, add --accept-changes; {back}"
        )
    return [f"recipe.yaml was changed, and the change was accepted: {change}" for change in found]


def _reworded(folder: RunFolder, snapshot: RunSnapshot) -> list[str]:
    """Return a line if recipe.yaml was reworded without a change of meaning, for example if a default was removed."""
    if folder.has_whole_recipe(snapshot) and _values(folder.recipe_text()) != _values(snapshot.recipe):
        return ["recipe.yaml was edited but still describes the same run; the file is left unchanged"]
    return []


def _values(text: str) -> Any:
    """Return the values in a recipe's text, without comments and layout."""
    return plain(read_text(text, extends=False).root)


def snapshot_of(folder: RunFolder, state: Mapping[str, Any]) -> tuple[RunSnapshot, list[str]]:
    """Return the snapshot in a checkpoint's state, and the warnings that readers need if it has none.

    Without a snapshot, the files of the folder are used without a check.
    """
    if (snapshot := RunSnapshot.of(state)) is not None:
        return snapshot, []
    records = [r for r in folder.record_lines() if r is not None and r.epoch <= state["epoch"]]
    warnings = [UNCHECKED]
    if wrong := gap(records, state["epoch"]):
        warnings.append(f"metrics.jsonl {wrong}: the report does not show the missing epochs")
    return RunSnapshot(folder.recipe_text(), folder.tuning(), tuple(records), folder.info()), warnings


def differences(folder: RunFolder, snapshot: RunSnapshot) -> dict[str, str]:
    """Return a line for each file that the checkpoint's copy has to replace. Write nothing."""
    found: dict[str, str] = {}
    if differs := record_differences(folder.record_lines(), snapshot.records):
        found["metrics.jsonl"] = differs
    if ((tuning := folder.intact("tuning.json", read_tuning)) or []) != snapshot.tuning:
        found["tuning.json"] = "is missing or damaged" if tuning is None else "was changed"
    if (info := folder.intact("run.json", read_info)) is None:
        found["run.json"] = "is missing or damaged"
    elif other := [key for key in FIXED if info.get(key) != snapshot.info.get(key)] + _without_sessions(
        info, snapshot
    ):
        found["run.json"] = f"was changed in {', '.join(other)}"
    if not folder.has_whole_recipe(snapshot):
        found["recipe.yaml"] = "is missing or damaged"
    return {name: f"{name} {what}; restored from the checkpoint" for name, what in found.items()}


def _without_sessions(info: Mapping[str, Any], snapshot: RunSnapshot) -> list[str]:
    """Return the names of the lists in run.json from which entries are missing. Sessions only add to these lists."""
    sessions, warnings = (snapshot.info.get(key, []) for key in ("sessions", "warnings"))
    lacking = {
        "sessions": info.get("sessions", [])[: len(sessions)] != sessions,
        "warnings": not set(warnings) <= set(info.get("warnings", [])),
    }
    return [key for key, lacks in lacking.items() if lacks]


def put_back(folder: RunFolder, snapshot: RunSnapshot, recipe: Recipe) -> list[str]:
    """Replace each file that differs from the checkpoint's copy, and return a line for each.

    A damaged recipe is renamed. metrics.jsonl and run.json are not written here: the session writes them in any case.
    """
    found = differences(folder, snapshot)
    if "tuning.json" in found:
        folder.write_tuning(snapshot.tuning)
    if "recipe.yaml" in found:
        if aside := folder.set_recipe_aside():
            found["recipe.yaml"] += f", and the damaged file is saved as {aside}"
        folder.write_recipe(dump(recipe) if changes(snapshot.recipe, recipe) else snapshot.recipe)
    return list(found.values())


def began(folder: RunFolder, snapshot: RunSnapshot, made_with: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the content of run.json that describes how the run began, and a line for what is no longer known.

    `made_with` contains the components and the environment of the current session.
    """
    found = folder.intact("run.json", read_info) or {}
    own = {key: value for key, value in found.items() if key not in FIXED}
    own |= {key: snapshot.info.get(key, []) for key in _without_sessions(found, snapshot)}
    info = snapshot.info | own | {key: snapshot.info[key] for key in FIXED if key in snapshot.info}
    lost = [key for key in made_with if key not in info]
    line = f"run.json no longer contains the original {' and '.join(lost)} of the run: the current ones are recorded"
    return {"started": "unknown", **made_with} | info, [line] if lost else []
