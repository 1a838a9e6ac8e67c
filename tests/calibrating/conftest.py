"""Predictions whose probabilities are known to be right, and predictions that are too confident by a known factor."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from photo_runs import photo_folder, run_in_bf16  # noqa: F401

from cvkit import DataInfo, Splits, TensorSplit
from cvkit.engine.predictions import Predictions


@pytest.fixture(scope="session")
def drawn() -> Callable[..., Predictions]:
    """Draw logits, and each label from the softmax of the logits; then multiply the logits by `factor`."""

    def drawn(images: int, factor: float = 1.0, classes: int = 4, seed: int = 0, half: str = "test") -> Predictions:
        generator = torch.Generator().manual_seed(seed)
        logits = 2 * torch.randn(images, classes, generator=generator)
        labels = logits.softmax(dim=1).multinomial(1, generator=generator)[:, 0]
        return Predictions(factor * logits, labels, 0.0, half)

    return drawn


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
