"""Predictions of files for Python users, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..prediction.image_paths import ImagePaths, Listed
from ..prediction.opened import OpenedClassifier
from ..prediction.predicting import predicted_batches
from ..printable import readable_name
from .answers import Prediction


def require_counts(**counts: tuple[Any, int]) -> None:
    """Raise `ValueError` unless each argument is an integer of at least its limit, or None if it is not `top`."""
    for name, (value, least) in counts.items():
        if value is None and name != "top":
            continue
        if not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def paths_of(given: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> ImagePaths:
    """Return the files that are given: those in folders, those that match patterns, or those of an iterator.

    Raises `DataError` if one of a list does not exist.
    """
    if isinstance(given, str | os.PathLike):
        given = [given]
    if not isinstance(given, Sequence):
        return ImagePaths((), listed=(Path(path).expanduser() for path in given))
    found = ImagePaths([str(Path(path).expanduser()) for path in given])
    found.require_there()
    return found


def predictions_of_files(
    opened: OpenedClassifier, paths: Iterable[Listed], top: int, workers: int | None, batch_size: int | None
) -> Iterator[Prediction]:
    """Yield a prediction for each file; one that cannot be read has an error and no classes."""
    rule, classes = opened.classifier.prediction_rule, opened.info.classes
    for batch in predicted_batches(opened, paths, batch_size=batch_size, workers=workers):
        for each in batch:
            name = readable_name(str(each.path))
            if each.probabilities is None:
                yield Prediction(name, (), (), digest=each.digest, error=each.error)
            else:
                yield Prediction.of(name, each.probabilities, rule, classes, top, each.digest)
