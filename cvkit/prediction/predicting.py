"""Predict files one batch at a time, so that any number of them can be predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from torch import Tensor

from ..engine.classifier import NO_NUMBER, are_numbers
from ..formatting import counted
from ..resource_errors import OPTIONS, reporting_shortages
from .image_paths import Listed
from .loading import loaded_batches
from .opened import OpenedClassifier


@dataclass(frozen=True)
class FilePrediction:
    """What a classifier predicts for a file.

    Attributes:
        path: The path as it was given; `NoPath` for a row of a list without one.
        digest: The SHA-256 of its bytes; empty if it cannot be read.
        error: Why it could not be predicted; empty if it was.
        logits: float32 (K,); None if the file could not be read.
        probabilities: float32 (K,); None if the file could not be predicted.
        predicted: The predicted classes, the most probable first: one, unless the model predicts sets of labels.
        declined: Whether the model declines the image.
        prediction_set: The classes in the prediction set, the most probable first; empty if the model makes no sets.
    """

    path: Listed
    digest: str
    error: str = ""
    logits: Tensor | None = None
    probabilities: Tensor | None = None
    predicted: tuple[int, ...] = ()
    declined: bool = False
    prediction_set: tuple[int, ...] = ()


def predicted_batches(
    opened: OpenedClassifier, paths: Iterable[Listed], *, batch_size: int | None = None, workers: int | None = None
) -> Iterator[list[FilePrediction]]:
    """Yield the predictions of files in order, a list for each batch.

    `batch_size` and `workers` are those of the run by default. Raises `MachineError` if the memory is too small.
    """
    size = batch_size or opened.batch_size
    number = opened.workers if workers is None else workers
    rule = opened.classifier.prediction_rule
    with closing(loaded_batches(paths, opened.reader, opened.info, size, number)) as batches:
        for batch in batches:
            if not len(batch.images):
                yield [FilePrediction(file.path, file.digest, file.error) for file in batch.files]
                continue
            with reporting_shortages(f"predicting batches of {counted(size, 'image')}", names=OPTIONS):
                logits = opened.classifier.logits(batch.images)
                chances = rule.probabilities(logits)
            declines = rule.declined(chances).tolist()
            rows = iter(zip(logits, are_numbers(logits).tolist(), chances, declines, strict=True))
            found = []
            for file in batch.files:
                if file.error:
                    found.append(FilePrediction(file.path, file.digest, file.error))
                    continue
                of_logits, finite, of_chances, declined = next(rows)
                if not finite:
                    found.append(FilePrediction(file.path, file.digest, f"{file.path}: {NO_NUMBER}", of_logits))
                    continue
                predicted = tuple(rule.predicted(of_chances))
                possible = tuple(rule.prediction_set(of_chances) or ())
                found.append(
                    FilePrediction(file.path, file.digest, "", of_logits, of_chances, predicted, declined, possible)
                )
            yield found
