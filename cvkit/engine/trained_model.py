"""A trained model with its preprocessing: images in, logits out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..data.preprocessing import Preprocessor
from ..data.splits import DataInfo
from .abstention import Abstention
from .eval_mode import eval_mode
from .prediction_rule import PredictionRule, prediction_rule_of


@dataclass(frozen=True)
class TrainedModel:
    """A model after training, in evaluation mode.

    Attributes:
        model: The model.
        info: Channels, size and classes of its training data.
        preprocessor: The preprocessing.
        device: The device of the model.
        seed: The seed of the run, for code that draws random numbers.
        thresholds: The lowest probability at which each label is predicted; empty if each image has one class.
        abstention: The calibration of the probabilities and what is declined; None if the run is not calibrated.
    """

    model: nn.Module
    info: DataInfo
    preprocessor: Preprocessor
    device: torch.device
    seed: int
    thresholds: tuple[float, ...] = ()
    abstention: Abstention | None = None

    def inputs(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, C, H, W), on any device, as model inputs."""
        return self.preprocessor.for_evaluation(images.to(self.device))

    @property
    def prediction_rule(self) -> PredictionRule:
        """How logits become probabilities and predicted classes."""
        return prediction_rule_of(self.info.task, self.thresholds, self.abstention)

    @torch.no_grad()
    def logits(self, images: Tensor, batch_size: int = 250) -> Tensor:
        """Return the logits of uint8 images (B, C, H, W), float32 (B, K) on the CPU, in batches of `batch_size`."""
        with eval_mode(self.model):
            return torch.cat([self.model(self.inputs(part)).float().cpu() for part in images.split(batch_size)])
