"""Evidence made by hand, for the rules that judge a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from cvkit.engine.multi_label import MultiLabelPredictions
from cvkit.engine.predictions import Predictions
from cvkit.engine.records import EpochRecord
from cvkit.findings.evidence import Evidence

NAMES = ("cat", "dog", "bird", "frog", "ship", "truck", "horse", "deer", "plane", "car")


def predicted(counts: Sequence[Sequence[int]], confidence: float = 0.0) -> Predictions:
    """Return predictions with this confusion matrix; `confidence` is that of each image, 0 for the accuracy."""
    matrix = torch.tensor(counts)
    size = len(matrix)
    sure = confidence or max(float(matrix.diag().sum() / matrix.sum()), 1.01 / size)
    sure = min(sure, 0.999999)
    pairs = [(true, guess) for true in range(size) for guess in range(size) for _ in range(int(matrix[true, guess]))]
    labels, guesses = (torch.tensor(of) for of in zip(*pairs, strict=True))
    chances = torch.full((len(pairs), size), (1 - sure) / (size - 1))
    chances[torch.arange(len(pairs)), guesses] = sure
    return Predictions(chances.log(), labels, 0.5)


def even(size: int, images: int, right: int) -> list[list[int]]:
    """Return a confusion matrix with `images` of each class, of which `right` are correct and the errors are even."""
    errors, rest = divmod(images - right, size - 1)
    return [
        [right if row == column else errors + ((column - row) % size <= rest) for column in range(size)]
        for row in range(size)
    ]


def sets(labels: Sequence[Sequence[int]], chances: Sequence[Sequence[float]]) -> MultiLabelPredictions:
    """Return predictions of sets of labels."""
    return MultiLabelPredictions(torch.tensor(chances).logit(1e-6), torch.tensor(labels).float(), 0.3)


def course(
    scores: Sequence[float],
    *,
    trained: Sequence[float | None] | float | None = None,
    losses: Sequence[float] | None = None,
    train_losses: Sequence[float] | None = None,
    steps: int = 10,
) -> tuple[EpochRecord, ...]:
    """Return the records of epochs with these test accuracies; the training accuracy is the same unless given."""
    count = len(scores)
    of_training = trained if isinstance(trained, Sequence) else [trained] * count if trained else scores
    train_losses = train_losses or [1.0 - 0.9 * place / count for place in range(count)]
    return tuple(
        EpochRecord(
            epoch=place + 1,
            step=(place + 1) * steps,
            train_loss=train_losses[place],
            train_accuracy=of_training[place],
            test_loss=(losses or train_losses)[place],
            test_accuracy=scores[place],
            learning_rate=0.1,
            images_per_second=100.0,
            seconds=1.0,
            step_losses=(train_losses[place],) * steps,
            step_lrs=(0.1,) * steps,
        )
        for place in range(count)
    )


def evidence(predictions: Predictions | None = None, **more: Any) -> Evidence:
    """Return the evidence of a good run with ten classes, but for what is given."""
    predictions = predicted(even(10, 200, 190)) if predictions is None else predictions
    size = predictions.logits.shape[1]
    usual = {
        "records": course([0.5, 0.7, 0.8, 0.9, 0.94, 0.949, 0.95, 0.95, 0.95, 0.95], trained=0.97),
        "training_counts": torch.full((size,), 500),
        "training_images": 500 * size,
        "watched_images": len(predictions.labels),
    }
    return Evidence(predictions, NAMES[:size], **(usual | more))
