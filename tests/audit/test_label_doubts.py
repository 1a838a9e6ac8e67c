"""Labels that confident predictions contradict."""

from __future__ import annotations

import torch

from cvkit.audit.label_doubts import label_doubts, set_doubts
from cvkit.engine.multi_label import MultiLabelPredictions
from cvkit.engine.predictions import Predictions


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


def sets(chances: list[list[float]], labels: list[list[int]]) -> MultiLabelPredictions:
    return MultiLabelPredictions(torch.tensor(chances).logit(), torch.tensor(labels).float(), 0.0)


def test_given_and_missing_labels_are_doubted():
    """With the label, 0.58 is usual; 0.95 exceeds it and 0.55 does not. Without it, 0.55 is; 0.97 exceeds it."""
    chances = [0.9, 0.8, 0.95, 0.2, 0.1, 0.03, 0.55]
    found = sets([[chance, 0.1] for chance in chances], [[label, 0] for label in (1, 1, 0, 0, 0, 1, 0)])
    assert [of.tolist() for of in set_doubts(found)] == [[5, 2], [0, 0]]


def test_thresholds_of_labels_do_not_make_doubts():
    """A label with the threshold 0.1 is predicted for images that most probably lack it."""
    found = sets([[0.2], [0.05], [0.3]], [[1], [0], [0]]).with_thresholds((0.1,))
    assert found.predicted.tolist() == [[True], [False], [True]]
    assert set_doubts(found)[0].tolist() == []


def test_label_that_all_images_have_raises_no_doubt():
    """Or that none has: there is no usual confidence to compare with."""
    assert set_doubts(sets([[0.1, 0.9]] * 2, [[1, 0]] * 2))[0].tolist() == []
