"""The state of callbacks and of their decisions in a checkpoint."""

from __future__ import annotations

from typing import Any

from ..formatting import counted
from ..recipe.settings import SelectionSettings
from ..tasks import SINGLE_LABEL
from .best_epoch import EarlyStopping, KeepBest
from .callback import Goals
from .deciding import Deciding
from .outcome import Outcome

State = dict[str, Any]


def decisions_state(asked: Deciding, outcome: Outcome) -> State | None:
    """Return the state of the callbacks and of what they decided; None for a run without any."""
    return {"callbacks": asked.state(), **outcome.state()} if asked.members else None


def restore_decisions(asked: Deciding, settings: SelectionSettings, state: State) -> Outcome:
    """Restore the callbacks from a checkpoint's state, and return what they had decided.

    Raises `CheckpointError` if the state belongs to other callbacks.
    """
    found = state.get("decisions")
    if found is None and state.get("selection") is not None:
        found = _of_earlier_checkpoint(asked, settings, state["selection"])
    if found is None:  # before the first epoch an earlier cvkit wrote nothing
        return Outcome()
    asked.restore(found["callbacks"])
    return Outcome.from_state(found)


def reopened(state: State) -> State:
    """Return the state of a run that trains more epochs, although it may have stopped early."""
    if (found := state.get("decisions")) is not None:
        callbacks = [_reset(each) if each["name"] == "selection.patience" else each for each in found["callbacks"]]
        return state | {"decisions": found | {"callbacks": callbacks, "stopped": ""}}
    if state.get("selection") is not None:
        return state | {"selection": state["selection"] | {"stale": 0}}
    return state


def _reset(patience: State) -> State:
    return patience | {"state": patience["state"] | {"stale": 0}}


def _of_earlier_checkpoint(asked: Deciding, settings: SelectionSettings, old: State) -> State:
    """Return the state of `selection` that a cvkit without callbacks wrote, in today's form."""
    followed = {"value": old["value"], "stale": old["stale"]}
    callbacks, kept, stopped = [], None, ""
    for member in asked.members:
        own = dict(followed)
        if isinstance(member.callback, KeepBest) and old["weights"] is not None:
            kept = {"epoch": old["epoch"], "reason": member.callback.reason, "weights": old["weights"]}
        if isinstance(member.callback, EarlyStopping) and old["stale"] >= (settings.patience or 0):
            waited, own["stale"] = counted(old["stale"], "epoch"), 0
            value = Goals.named(settings.metric or SINGLE_LABEL.score)
            stopped = f"the {value} did not improve for {waited} ({member.name})"
        callbacks.append({"name": member.name, "state": own, "factor": 1.0, "lr": None})
    return {"callbacks": callbacks, "kept": kept, "stopped": stopped}
