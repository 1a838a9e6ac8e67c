"""Measures of a model's prediction for each single image."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..recipe.settings import Rank
from .predictions import Predictions


@dataclass(frozen=True)
class PerSample:
    """Measures of each image of a split, float32 (N,), in the order of the split.

    Attributes:
        confidence: The probability of the predicted class.
        of_true: The probability of the true class.
        loss: The cross-entropy in nats, ``-ln of_true``.
        margin: `of_true` minus the highest probability of another class, in [-1, 1]; negative for an error.
    """

    confidence: Tensor
    of_true: Tensor
    loss: Tensor
    margin: Tensor

    @classmethod
    def of(cls, predictions: Predictions) -> PerSample:
        """Return the measures of every image of `predictions`."""
        chances, true = predictions.probabilities, predictions.labels[:, None]
        of_true = chances.gather(1, true)[:, 0]
        loss = -predictions.logits.log_softmax(dim=1).gather(1, true)[:, 0]
        rival = chances.scatter(1, true, 0).amax(dim=1)
        return cls(chances.gather(1, predictions.predicted[:, None])[:, 0], of_true, loss, of_true - rival)

    def ranking_scores(self) -> dict[Rank, Tensor]:
        """Return, for each `Rank`, a score that is higher for worse errors, float32 (N,)."""
        return {"confidence": self.confidence, "loss": self.loss, "margin": -self.margin}


def select_errors(predictions: Predictions, n: int, rank: Rank = "confidence") -> Tensor:
    """Return the indices of up to `n` errors, worst first by `rank`, then in the order of the split, int64."""
    errors = (~predictions.correct).nonzero().flatten()
    return errors[PerSample.of(predictions).ranking_scores()[rank][errors].argsort(descending=True, stable=True)[:n]]
