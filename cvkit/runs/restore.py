"""Restore a trainer from a checkpoint of the same data and the same parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.splits import DataInfo
from ..engine.fixed_weights import fixed_weights
from ..engine.parts import RunParts
from ..engine.trainer import Trainer
from ..error_text import cause
from ..errors import CheckpointError, CvkitError
from ..resource_errors import shortage_in
from .moved_data import data_places
from .run_info import same_digests
from .snapshot import RunSnapshot


def require_same_data(parts: RunParts, state: dict[str, Any], *, accept_changes: bool = False) -> list[str]:
    """Return a line if the data changed since the checkpoint or could not be checked.

    Raises `CheckpointError` if the data changed and that is not accepted, or if the classes differ.
    """
    _require_classes(parts.info, state)
    if why := parts.splits.incomparable(state["data"]):
        return [
            f"the data set {parts.recipe.dataset.entry.id} {why}: whether it is the data that the run began with "
            "could not be checked"
        ]
    if accept_changes and state["data"] != parts.splits.digest:
        return ["the content of the data set changed since the run began, and the change was accepted"]
    try:
        parts.splits.require(state["data"], data_places(parts.recipe))
    except CheckpointError as error:
        raise CheckpointError(f"{error}. To accept the change, add --accept-changes") from None
    return []


def moved_places(parts: RunParts, state: Mapping[str, Any], info: Mapping[str, Any]) -> set[str]:
    """Return the options that may name another place than before, because the run uses the same content there.

    They are the path of a data set with the content of the checkpoint's `state`, and the places of fixed weights of
    the loss with the digests in run.json, `info`.
    """
    loss = parts.recipe.loss
    fixed = fixed_weights(loss.entry, parts.loss)
    moved = {"dataset.path"} if parts.splits.are_known(state["data"]) else set()
    if fixed and same_digests(fixed, info):
        moved |= {f"loss.{name}" for name, value in loss.options.items() if str(value) in fixed}
    return moved


def restore_run(trainer: Trainer, state: dict[str, Any]) -> None:
    """Restore `trainer` from a checkpoint's state; raise `CheckpointError` if any part of the run differs."""
    try:
        trainer.restore(state)
    except CvkitError:
        raise
    except Exception as error:  # torch or a component may reject values that it would never save
        if shortage_in(error):
            raise
        raise CheckpointError(
            f"the checkpoint of step {state['step']:,} does not fit this recipe: {cause(error)}. Remove its folder "
            "to continue from the previous checkpoint, or start a new run"
        ) from error


def _require_classes(info: DataInfo, state: dict[str, Any]) -> None:
    """Raise `CheckpointError` if the data set's classes differ from those of the checkpoint's model."""
    snapshot = RunSnapshot.of(state)
    before = None if snapshot is None else (snapshot.info.get("data_info") or {}).get("classes")
    if before is not None and tuple(before) != info.classes:
        odd = [name for name in (*before, *info.classes) if (name in before) != (name in info.classes)]
        differ = f"they differ in {', '.join(odd[:3])}" if odd else "they are in a different order"
        raise CheckpointError(
            f"the classes of the data set are not those that the model was trained on ({differ}), so its outputs "
            "would mean other classes. Restore the classes, or start a new run"
        )
