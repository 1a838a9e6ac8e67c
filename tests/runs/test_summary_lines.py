"""The last lines of a run: which classes it confuses."""

from __future__ import annotations

import torch

from cvkit.engine.predictions import Predictions
from cvkit.runs.summary_lines import worst_pair


def predictions(pairs: list[tuple[int, int]], classes: int) -> Predictions:
    """Return predictions of images by their true and predicted class."""
    labels, predicted = torch.tensor(pairs).unbind(1)
    return Predictions(torch.eye(classes)[predicted], labels, 1.0)


def test_the_most_frequent_confusion_is_named_with_its_count():
    """Of all images of the true class."""
    found = predictions([(0, 0), (0, 1), (1, 0), (2, 1), (2, 1), (2, 2)], 3)
    (line,) = worst_pair(found, ("cat", "dog", "wolf"))
    assert line == "most confused: 2 of 3 images of 'wolf' are predicted as 'dog'"


def test_a_model_without_errors_confuses_nothing():
    """There is no line."""
    assert [*worst_pair(predictions([(0, 0), (1, 1)], 2), ("cat", "dog"))] == []
