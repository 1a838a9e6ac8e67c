"""Write the predictions of a run as CSV, one line per image, and read which of them are correct."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import torch
from torch import Tensor

from ..engine.per_sample import PerSample
from ..engine.records import Predictions
from ..figures.csv_export import csv_text


def predictions_csv(predictions: Predictions, classes: Sequence[str]) -> str:
    """Return predictions as CSV: one line per image in the order of the split, with the measures of `PerSample`."""
    measured = PerSample.of(predictions)
    columns: dict[str, Sequence[object]] = {
        "index": range(len(predictions.labels)),
        "true": [classes[label] for label in predictions.labels.tolist()],
        "predicted": [classes[label] for label in predictions.predicted.tolist()],
        "correct": predictions.correct.int().tolist(),
        "probability_predicted": _decimals(measured.confidence),
        "probability_true": _decimals(measured.of_true),
        "loss": _decimals(measured.loss),
        "margin": _decimals(measured.margin),
    }
    return csv_text(tuple(columns), zip(*columns.values(), strict=True))


def outcomes(content: bytes) -> Tensor:
    """Return whether each prediction is correct, bool (N,); raise `ValueError` if the file is damaged."""
    found = []
    for number, row in enumerate(csv.DictReader(io.StringIO(content.decode(), newline=""))):
        if row.get("index") != str(number) or row.get("correct") not in ("0", "1"):
            raise ValueError(f"line {number + 2} must begin with {number}, and `correct` must be 0 or 1")
        found.append(row["correct"] == "1")
    if not found:
        raise ValueError("it contains no predictions")
    return torch.tensor(found)


def _decimals(values: Tensor) -> list[str]:
    return [f"{value:.6f}" for value in values.tolist()]
