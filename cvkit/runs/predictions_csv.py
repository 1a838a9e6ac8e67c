"""Write the predictions of a run as CSV, one line per image, and read which of them are correct."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..engine.per_sample import PerSample
from ..engine.predictions import Predictions
from ..figures.csv_export import csv_chunks

_CHUNK = 10_000  # images


def predictions_csv(
    predictions: Predictions, classes: Sequence[str], digests: Sequence[str] | None = None
) -> Iterator[str]:
    """Yield predictions as pieces of CSV: one line per image in the order of the split, with its `PerSample`.

    The column ``file`` exists if the images are files, and ``digest`` if there are `digests`.
    """
    header = (
        "index",
        *(() if predictions.names is None else ("file",)),
        *(() if digests is None else ("digest",)),
        *("true", "predicted", "correct", "probability_predicted", "probability_true", "loss", "margin"),
    )
    return csv_chunks(header, _rows(predictions, classes, digests))


def _rows(
    predictions: Predictions, classes: Sequence[str], digests: Sequence[str] | None
) -> Iterator[Sequence[object]]:
    """Yield the rows; only those of a chunk are in memory, because the cells of a million rows take 600 MB."""
    for start in range(0, len(predictions.labels), _CHUNK):
        at = slice(start, start + _CHUNK)
        part = replace(predictions, logits=predictions.logits[at], labels=predictions.labels[at])
        measured = PerSample.of(part)
        columns: list[Sequence[object]] = [
            range(start, start + len(part.labels)),
            *([] if predictions.names is None else [predictions.names[at]]),
            *([] if digests is None else [digests[at]]),
            [classes[label] for label in part.labels.tolist()],
            [classes[label] for label in part.predicted.tolist()],
            part.correct.int().tolist(),
            _decimals(measured.confidence),
            _decimals(measured.of_true),
            _decimals(measured.loss),
            _decimals(measured.margin),
        ]
        yield from zip(*columns, strict=True)


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
