"""Write the predictions of a run as CSV, one line per image, and read which of them are correct."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.per_sample import PerSample
from ..engine.predictions import Predictions
from ..figures.csv_export import csv_text


def predictions_csv(predictions: Predictions, classes: Sequence[str], digests: Sequence[str] | None = None) -> str:
    """Return predictions as CSV: one line per image in the order of the split, with the measures of `PerSample`.

    The column ``file`` exists if the images are files, and ``digest`` if there are `digests`.
    """
    measured = PerSample.of(predictions)
    columns: dict[str, Sequence[object]] = {
        "index": range(len(predictions.labels)),
        **({} if predictions.names is None else {"file": predictions.names}),
        **({} if digests is None else {"digest": digests}),
        "true": [classes[label] for label in predictions.labels.tolist()],
        "predicted": [classes[label] for label in predictions.predicted.tolist()],
        "correct": predictions.correct.int().tolist(),
        "probability_predicted": _decimals(measured.confidence),
        "probability_true": _decimals(measured.of_true),
        "loss": _decimals(measured.loss),
        "margin": _decimals(measured.margin),
    }
    return csv_text(tuple(columns), zip(*columns.values(), strict=True))


@dataclass(frozen=True)
class Outcomes:
    """The true class of each image, and whether its prediction is correct, bool (N,)."""

    true: tuple[str, ...]
    correct: Tensor

    def are_of(self, classes: Sequence[str]) -> bool:
        """Return whether the images have these classes; "" matches any class.

        A leading apostrophe is ignored, because `csv_text` adds it to some names.
        """
        if len(classes) != len(self.true):
            return False
        pairs = zip(self.true, classes, strict=True)
        return all(not known or true.removeprefix("'") == known.removeprefix("'") for true, known in pairs)


def outcomes(content: bytes) -> Outcomes:
    """Return the outcomes in a predictions.csv; raise `ValueError` if it is damaged."""
    true, correct = [], []
    for number, row in enumerate(csv.DictReader(io.StringIO(content.decode(), newline=""))):
        if row.get("index") != str(number) or row.get("correct") not in ("0", "1") or row.get("true") is None:
            raise ValueError(f"line {number + 2} must contain {number}, a class, and 0 or 1 as `correct`")
        true.append(row["true"])
        correct.append(row["correct"] == "1")
    if not true:
        raise ValueError("it contains no predictions")
    return Outcomes(tuple(true), torch.tensor(correct))


def _decimals(values: Tensor) -> list[str]:
    return [f"{value:.6f}" for value in values.tolist()]
