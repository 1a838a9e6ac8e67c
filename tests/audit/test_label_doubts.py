"""Labels that confident predictions contradict."""

from __future__ import annotations

import torch

from cvkit.audit.label_doubts import label_doubts
from cvkit.engine.records import Predictions


def predictions(chances: list[tuple[float, ...]], labels: list[int]) -> Predictions:
    return Predictions(torch.tensor(chances).log(), torch.tensor(labels), 0.0)


def test_confident_disagreement_is_a_doubt_and_a_hesitant_error_is_not():
    """Class 1 has 0.6 on average on its own images: 0.9 and 0.8 exceed it, 0.55 does not. The worst comes first."""
    chances = [(0.2, 0.8), (0.45, 0.55), (0.1, 0.9), (0.9, 0.1), (0.4, 0.6), (0.4, 0.6)]
    assert label_doubts(predictions(chances, [0, 0, 0, 0, 1, 1])).tolist() == [2, 0]


def test_correct_predictions_raise_no_doubt():
    assert label_doubts(predictions([(0.9, 0.1), (0.2, 0.8)], [0, 1])).tolist() == []


def test_a_class_without_images_raises_no_doubt():
    """There is no usual confidence to compare with."""
    assert label_doubts(predictions([(0.1, 0.1, 0.8), (0.2, 0.7, 0.1)], [0, 1])).tolist() == []
