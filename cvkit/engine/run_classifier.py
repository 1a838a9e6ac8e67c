"""RunClassifier: the trained model of a run, which computes as the evaluation of the run does."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from ..data.splits import DataInfo
from ..errors import DeviceError
from ..recipe import Recipe
from ..recipe.settings import Precision, View
from .device import choose_device, tried_kernels
from .eval_mode import eval_mode
from .forward import Autocast
from .prediction_rule import PredictionRule
from .trained_model import TrainedModel
from .views import view


@dataclass(frozen=True)
class RunClassifier:
    """A trained model in the precision of its recipe, so that its logits are those of the run's evaluation.

    Attributes:
        trained: The model, in evaluation mode.
        precision: The number format of the forward pass.
        views: The views of each image whose logits are averaged.
    """

    trained: TrainedModel
    precision: Precision
    views: tuple[View, ...] = ("identity",)

    @property
    def info(self) -> DataInfo:
        """Channels, size and classes of the images."""
        return self.trained.info

    @property
    def prediction_rule(self) -> PredictionRule:
        """How logits become probabilities and predicted classes."""
        return self.trained.prediction_rule

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Return the logits of uint8 images (B, C, H, W), float32 (B, K) on the CPU."""
        model, device = self.trained.model, self.trained.device
        with eval_mode(model), tried_kernels(device), Autocast(device, self.precision)():
            inputs = self.trained.inputs(images)
            output: Tensor = model(view(inputs, self.views[0]))
            for name in self.views[1:]:
                output = output + model(view(inputs, name))
            output = output / len(self.views) if len(self.views) > 1 else output
        return output.float().cpu()

    def digest(self) -> str:
        """Return the SHA-256 of the weights, the thresholds, the calibration and the precision."""
        trained = self.trained
        found = hashlib.sha256(f"{trained.thresholds} {trained.abstention} {self.precision}".encode())
        for name, value in self.trained.model.state_dict().items():
            found.update(f"\n{name} {value.dtype} {tuple(value.shape)}".encode())
            found.update(memoryview(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
        return found.hexdigest()


def run_classifier(recipe: Recipe, trained: TrainedModel) -> tuple[RunClassifier, list[str]]:
    """Return the classifier of a run, and a line if its device does not support the precision of the recipe."""
    precision, device = recipe.train.precision, trained.device
    try:
        choose_device(str(device), precision)
    except DeviceError:
        line = f"the run evaluated in {precision}, which '{device}' does not support; predicting in fp32"
        return RunClassifier(trained, "fp32"), [line]
    return RunClassifier(trained, precision), []
