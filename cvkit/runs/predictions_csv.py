"""Format the predictions of a run as CSV, one line per image."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..engine.per_sample import PerSample
from ..engine.records import Predictions
from ..figures.csv_export import csv_text


def predictions_csv(predictions: Predictions, classes: Sequence[str]) -> str:
    """Return predictions as CSV: one line per image in the order of the split, with the measures of `PerSample`.

    The column ``file`` exists if the images are files.
    """
    measured = PerSample.of(predictions)
    columns: dict[str, Sequence[object]] = {
        "index": range(len(predictions.labels)),
        **({} if predictions.names is None else {"file": predictions.names}),
        "true": [classes[label] for label in predictions.labels.tolist()],
        "predicted": [classes[label] for label in predictions.predicted.tolist()],
        "correct": predictions.correct.int().tolist(),
        "probability_predicted": _decimals(measured.confidence),
        "probability_true": _decimals(measured.of_true),
        "loss": _decimals(measured.loss),
        "margin": _decimals(measured.margin),
    }
    return csv_text(tuple(columns), zip(*columns.values(), strict=True))


def _decimals(values: Tensor) -> list[str]:
    return [f"{value:.6f}" for value in values.tolist()]
