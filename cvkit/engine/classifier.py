"""Classifier: what predicts images; a trained model, or a file that was exported from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from ..data.splits import DataInfo
    from .prediction_rule import PredictionRule


class Classifier(Protocol):
    """Predicts images of the size of its model. `TrainedModel` is one."""

    @property
    def info(self) -> DataInfo:
        """Channels, size and classes of the images."""
        ...

    @property
    def prediction_rule(self) -> PredictionRule:
        """How logits become probabilities and predicted classes."""
        ...

    def logits(self, images: Tensor) -> Tensor:
        """Return the logits of uint8 images (B, C, H, W), float32 (B, K) on the CPU."""
        ...
