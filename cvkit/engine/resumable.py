"""The state of everything that an optimizer step changes, for saving it in a checkpoint and restoring it."""

from __future__ import annotations

from typing import Any

import torch

from ..checkpoint.state_dicts import (
    load_model_state,
    load_optimizer_state,
    model_state,
    named_weights,
    optimizer_state,
)
from ..errors import CheckpointError, DivergedError
from ..formatting import counted
from .averaging import Averaged
from .schedule import Schedule
from .step import TrainStep


def training_state(train_step: TrainStep, ema: Averaged | None, schedule: Schedule) -> dict[str, Any]:
    """Return the state of model, loss, averaged weights, optimizer, schedule and loss scaler, by name."""
    return {
        "model": model_state(train_step.forward.model),
        "loss": model_state(train_step.forward.loss),
        "ema": None if ema is None else model_state(ema),
        "optimizer": optimizer_state(
            train_step.optimizer, named_weights(train_step.forward.model, train_step.forward.loss)
        ),
        "schedule": schedule.state(),
        "scaler": train_step.scaler.state_dict(),
    }


def restore_training(
    train_step: TrainStep, ema: Averaged | None, schedule: Schedule, state: dict[str, Any], loss_owner: str
) -> None:
    """Restore the state that `training_state` returned; error messages use `loss_owner` as the name of the loss.

    Raises `CheckpointError` if the state belongs to another model, loss or optimizer.
    """
    load_model_state(train_step.forward.model, state["model"])
    if ema is not None:
        load_model_state(ema, state["ema"])
    if "loss" in state:
        load_model_state(train_step.forward.loss, state["loss"], "loss")
    elif any(
        parameter.requires_grad for parameter in train_step.forward.loss.parameters()
    ):  # older checkpoints do not contain them
        raise CheckpointError(
            f"the checkpoint contains no weights of {loss_owner}, because an earlier cvkit, which did not train "
            "them, wrote it; start a new run"
        )
    load_optimizer_state(
        train_step.optimizer, named_weights(train_step.forward.model, train_step.forward.loss), state["optimizer"]
    )
    schedule.restore(state.get("schedule", {"taken": state["step"]}))  # older checkpoints do not contain it
    train_step.scaler.load_state_dict(state["scaler"])


def require_finite_weights(train_step: TrainStep, step: int) -> None:
    """Raise `DivergedError` that names the first weight that is not finite at `step`."""
    modules = (("", train_step.forward.model), (" of the loss", train_step.forward.loss))
    weights = [(name + owner, weight) for owner, module in modules for name, weight in module.named_parameters()]
    finite = torch.stack([torch.isfinite(weight).all() for _, weight in weights])  # read at once, as reading waits
    for (name, _), is_finite in zip(weights, finite.tolist(), strict=True):
        if not is_finite:
            raise DivergedError(f"{name} is no longer finite at step {step}; lower the learning rate")


def require_place(state: dict[str, Any], steps: int, limit: int | None) -> None:
    """Raise `CheckpointError` unless epochs of `steps` optimizer steps lead to `state`.

    `limit` is the step at which the run ends, possibly within an epoch; None if there is none.
    """
    taken = 0 if state["progress"] is None else len(state["progress"]["counts"])
    reached = state["epoch"] * steps + taken
    if taken > steps or (state["step"] != reached and state["step"] != limit):
        raise CheckpointError(
            f"the checkpoint of step {state['step']:,} has {counted(state['epoch'], 'epoch')} and "
            f"{counted(taken, 'step')}, but an "
            f"epoch of this data set has {counted(steps, 'step')}: the run was trained on a different "
            "number of images. Use "
            "the original data set, or start a new run"
        )
