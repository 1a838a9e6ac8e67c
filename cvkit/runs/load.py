"""Load a run's trained model from its folder, without the data set."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..checkpoint.contents import kept_weights, trained_thresholds, trained_weights
from ..checkpoint.state_dicts import load_model_state
from ..checkpoint.weights_digest import weights_digest
from ..data.preprocessing import Preprocessor
from ..data.splits import DataInfo
from ..engine.building import initialised_model
from ..engine.device import choose_device
from ..engine.progress import epochs_trained
from ..engine.thresholds import recipe_thresholds
from ..engine.trained_model import TrainedModel
from ..errors import CheckpointError, DeviceError
from ..formatting import counted
from ..phases import phase
from ..recipe import Recipe, changes
from .calibration import calibration_of
from .folder import RunFolder
from .snapshot import RunSnapshot


@dataclass(frozen=True)
class LoadedModel:
    """The model of a run from its newest checkpoint.

    Attributes:
        trained: The model with its preprocessing and device.
        checkpoint_label: The step of the checkpoint as a phrase, and the device if it is not the recipe's.
        digest: The digest of the data set that the model was trained on.
        finished: Whether the run has finished; otherwise its further training replaces the checkpoint.
        damaged: A line for each checkpoint that was skipped, for each later change of the recipe that affects the
            model, and for a calibration that cannot be used.
        weights: The digest of the weights.
    """

    trained: TrainedModel
    checkpoint_label: str
    digest: str
    finished: bool
    damaged: tuple[str, ...]
    weights: str


def load_trained(folder: RunFolder, recipe: Recipe, info: DataInfo, *, calibrated: bool = True) -> LoadedModel:
    """Return the model that the run in `folder` evaluates: the averaged model if the run averages weights.

    With `calibrated`, it has the calibration of the run, if there is one for these weights.
    Neither the data set nor pretrained weights are needed, and nothing is written. The model is placed on the
    recipe's device, or on the best available device if that one cannot be used. Raises `CheckpointError` if there is
    no checkpoint, or if it contains another model.
    """
    with phase("loading the model"):
        state, damaged = folder.newest_state()
        if state is None:
            raise CheckpointError(
                "; ".join([f"'{folder.path}' contains no checkpoint that can be read yet", *damaged])
            )
        device, remark = _device(recipe.train.device)
        model = initialised_model(recipe, info, device, restoring=True)
    kept = kept_weights(state)
    weights = trained_weights(state)
    load_model_state(model, weights)
    preprocessor = Preprocessor(info, (), device, recipe.train.channels_last)
    rule = recipe.evaluation.thresholds
    thresholds = trained_thresholds(state) or recipe_thresholds(rule, info)
    if len(thresholds) not in (0, info.num_classes):
        raise CheckpointError(
            f"the checkpoint has {counted(len(thresholds), 'threshold')} for {counted(info.num_classes, 'label')}"
        )
    digest = weights_digest(weights)
    abstention, unused = calibration_of(folder, digest, info) if calibrated else (None, ())
    trained = TrainedModel(model.eval(), info, preprocessor, device, recipe.seed, thresholds, abstention)
    label = f"after step {state['step']:,}, {epochs_trained(state):,} of {counted(recipe.train.epochs, 'epoch')}"
    finished = folder.info().get("status") == "finished"
    if kept is not None:
        label += f"; the best weights{'' if finished else ' so far'}, of epoch {kept['epoch']:,}"
    elif rule == "validation" and state["progress"] is not None:
        earlier = f"epoch {state['epoch']:,}" if state["epoch"] else "no epoch yet, so 0.5"
        label += f"; thresholds of {earlier}"
    if not finished:
        label += "; the run has not finished"
    snapshot = RunSnapshot.of(state)
    changed = () if snapshot is None else changes(snapshot.recipe, recipe)
    edits = [f"recipe.yaml was changed after the checkpoint: {change}" for change in changed if not change.free]
    return LoadedModel(trained, label + remark, state["data"], finished, (*damaged, *edits, *unused), digest)


def _device(asked: str) -> tuple[torch.device, str]:
    """Return the device to compute on, and a remark if it is not the recipe's device."""
    for name in (asked, "auto"):
        try:
            device = choose_device(name, "fp32")
        except DeviceError:
            continue
        break
    else:
        name, device = "cpu", torch.device("cpu")
    return device, "" if name == asked else f"; on {device}, because the device '{asked}' cannot be used here"
