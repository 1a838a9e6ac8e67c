"""Predictions and data sets that the tests of calibration share."""

from __future__ import annotations

from collections.abc import Callable

import drawn_predictions
import pytest
import torch
from photo_runs import photo_folder, run_in_bf16  # noqa: F401

from cvkit import DataInfo, Splits, TensorSplit
from cvkit.engine.predictions import Predictions


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Predictions]:
    """Draw predictions with right probabilities, or with a wrong confidence by a factor."""
    return drawn_predictions.drawn


@pytest.fixture
def make_splits() -> Callable[..., Splits]:
    """Return a data set of black images with so many validation and test images."""

    def split(images: int) -> TensorSplit | None:
        if not images:
            return None
        return TensorSplit(torch.zeros(images, 1, 4, 4, dtype=torch.uint8), torch.zeros(images, dtype=torch.int64))

    def make(validation: int, test: int) -> Splits:
        info = DataInfo(1, 4, 4, ("a", "b"), (0.0,), (1.0,))
        train = split(1)
        assert train is not None
        return Splits(train, split(test), info, validation=split(validation))

    return make
