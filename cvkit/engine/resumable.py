"""The state of everything that an optimizer step changes, put together for a checkpoint and restored from one."""

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
from .averaging import Averaged
from .schedule import Schedule
from .step import TrainStep


def training_state(learner: TrainStep, ema: Averaged | None, schedule: Schedule) -> dict[str, Any]:
    """Return the state of model, loss, averages, optimizer, schedule and loss scaler by name."""
    return {
        "model": model_state(learner.model),
        "loss": model_state(learner.loss),
        "ema": None if ema is None else model_state(ema),
        "optimizer": optimizer_state(learner.optimizer, named_weights(learner.model, learner.loss)),
        "schedule": schedule.state(),
        "scaler": learner.scaler.state_dict(),
    }


def restore_training(
    learner: TrainStep, ema: Averaged | None, schedule: Schedule, state: dict[str, Any], loss_owner: str
) -> None:
    """Continue from what `training_state` returned; `loss_owner` names the loss in an error.

    Raises `CheckpointError` where it is of another model, loss or optimizer.
    """
    load_model_state(learner.model, state["model"])
    if ema is not None:
        load_model_state(ema, state["ema"])
    if "loss" in state:
        load_model_state(learner.loss, state["loss"], "loss")
    elif any(parameter.requires_grad for parameter in learner.loss.parameters()):  # older checkpoints lack them
        raise CheckpointError(
            f"the checkpoint holds no weights of {loss_owner}, as the cvkit that wrote it did not train them; start "
            "the run anew"
        )
    load_optimizer_state(learner.optimizer, named_weights(learner.model, learner.loss), state["optimizer"])
    schedule.restore(state.get("schedule", {"taken": state["step"]}))  # older checkpoints lack it
    learner.scaler.load_state_dict(state["scaler"])


def require_finite_weights(learner: TrainStep, step: int) -> None:
    """Raise `DivergedError` naming the first weight that is no longer finite at `step`."""
    for owner, module in (("", learner.model), (" of the loss", learner.loss)):
        for name, parameter in module.named_parameters():
            if not torch.isfinite(parameter).all():
                raise DivergedError(f"{name}{owner} is no longer finite at step {step}; lower the learning rate")


def require_place(state: dict[str, Any], steps: int, limit: int | None) -> None:
    """Raise `CheckpointError` unless `state` was reached by epochs of `steps` optimizer steps each.

    `limit`: the step at which the run ends, which may lie within an epoch; None without one.
    """
    taken = 0 if state["progress"] is None else len(state["progress"]["counts"])
    reached = state["epoch"] * steps + taken
    if taken > steps or (state["step"] != reached and state["step"] != limit):
        raise CheckpointError(
            f"the checkpoint of step {state['step']:,} is from {state['epoch']:,} epochs and {taken:,} steps, and an "
            f"epoch of this data set has {steps:,} steps: the run was trained on another number of images. Give the "
            "data it was trained on, or start a new run"
        )
