"""`Model`: a trained model, to predict, evaluate, explain, calibrate and export with."""

from __future__ import annotations

from .deploying import DeployableModel
from .explaining import ExplainingModel
from .predicting import PredictingModel


class Model(PredictingModel, ExplainingModel, DeployableModel):
    """A trained model, loaded from a run folder by `cvkit.load`.

    Attributes:
        folder: The run folder.
        recipe: The recipe of the run.
        classes: The names of the classes, in the order of the model's outputs.
        info: Channels, size, normalisation and classes of the model's input.
        checkpoint: After which step and epoch the weights were saved, in words.
        finished: Whether the run has finished; otherwise its further training replaces these weights.
        thresholds: For images with a set of labels: the lowest probability at which each label is predicted, in the
            order of the classes; empty if each image has one class.
    """
