"""The result of a finished run as run.json contains it."""

from __future__ import annotations

from typing import Any

from ..engine.metrics import evaluate_metrics
from ..engine.predictions import Predictions
from ..engine.trainer import Trainer


def result_of(trainer: Trainer, predictions: Predictions) -> dict[str, Any]:
    """Return the half that measures a finished run, its score, loss and metrics, as JSON values.

    `epoch` is the epoch whose weights were chosen; 0 if they are those of the end of training.
    """
    kept, parts = trainer.outcome.kept, trainer.parts
    return {
        "half": parts.splits.final,
        "score_name": predictions.score_name,
        "score": predictions.score,
        "loss": predictions.loss,
        "epoch": 0 if kept is None else kept.epoch,
        "metrics": evaluate_metrics(parts.recipe.metrics, parts.info, predictions),
    }
