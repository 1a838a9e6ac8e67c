"""Classifier: what predicts images; a trained model, or a file that was exported from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..errors import RunError
from ..formatting import counted

if TYPE_CHECKING:
    from torch import Tensor

    from ..data.splits import DataInfo
    from .prediction_rule import PredictionRule


NO_NUMBER = "the model's output is not a number (NaN or infinite)"
"""Why an image has no prediction although it was read."""

OTHER_MODEL = "its weights are damaged, or its training has diverged; use another run, or export the run again"
"""What a user can do then."""


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


def are_numbers(logits: Tensor) -> Tensor:
    """Return whether all logits of each image (B, K) are finite, bool (B,). Other logits predict no class."""
    return logits.isfinite().all(dim=1)


def require_numbers(logits: Tensor) -> None:
    """Raise `RunError` if a logit of a batch (B, K) is not finite."""
    if failed := int((~are_numbers(logits)).sum()):
        raise RunError(f"{NO_NUMBER} for {failed:,} of {counted(len(logits), 'image')} of a batch; {OTHER_MODEL}")
