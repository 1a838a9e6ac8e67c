"""Metrics of label sets are scikit-learn's, at the thresholds of the run."""

from __future__ import annotations

import pytest
import torch
from sklearn import metrics as reference
from torch.nn.functional import binary_cross_entropy_with_logits

from cvkit import ClassCounts, DataInfo, Labels
from cvkit_metrics.label_sets import exact_match, f1, mean_average_precision
from cvkit_torch.losses import bce

CLASSES = ("a", "b", "c", "d")
INFO = DataInfo(3, 8, 8, CLASSES, (0.5,) * 3, (0.5,) * 3, task="multi_label")
THRESHOLDS = (0.3, 0.5, 0.6, 0.7)


def drawn():
    """Random logits and sets of 50 images."""
    draw = torch.Generator().manual_seed(3)
    return torch.randn(50, 4, generator=draw), (torch.rand(50, 4, generator=draw) < 0.4).float()


@pytest.mark.parametrize("average", ["macro", "micro"])
def test_mean_average_precision(average):
    """Macro and micro."""
    logits, sets = drawn()
    expected = reference.average_precision_score(sets.numpy(), logits.numpy(), average=average)
    assert mean_average_precision(INFO, average=average)(logits, sets) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("average", ["macro", "micro", "samples"])
def test_f1(average):
    """Over labels, pairs and images."""
    logits, sets = drawn()
    guess = (logits.sigmoid() >= torch.tensor(THRESHOLDS)).numpy()
    expected = reference.f1_score(sets.numpy(), guess, average=average, zero_division=float("nan"))
    assert f1(INFO, THRESHOLDS, average=average)(logits, sets) == pytest.approx(expected, rel=1e-12)


def test_f1_of_a_label():
    """By its name; another name is refused."""
    logits, sets = drawn()
    guess = (logits.sigmoid() >= torch.tensor(THRESHOLDS)).numpy()
    expected = reference.f1_score(sets[:, 2].numpy(), guess[:, 2])
    assert f1(INFO, THRESHOLDS, label="c")(logits, sets) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="there is no label 'e'; the labels are a, b, c, d"):
        f1(INFO, label="e")


def test_exact_match():
    """All labels of an image are right, and no others are predicted."""
    logits, sets = drawn()
    guess = (logits.sigmoid() >= torch.tensor(THRESHOLDS)).numpy()
    expected = reference.accuracy_score(sets.numpy(), guess)
    assert exact_match(INFO, THRESHOLDS)(logits, sets) == pytest.approx(expected)


def test_balanced_weight_of_positives_is_negatives_by_positives():
    """Of the training images; 1 for a label that no image has."""
    logits, sets = drawn()
    sets[:, 3] = 0
    counts = ClassCounts(Labels(50, lambda: sets), 4, INFO.labels)
    loss = bce(INFO, counts, pos_weight="balanced")
    positive = sets.sum(dim=0)
    weights = torch.where(positive > 0, (50 - positive) / positive.clamp(min=1), 1.0)
    expected = binary_cross_entropy_with_logits(logits, sets, pos_weight=weights)
    torch.testing.assert_close(loss(logits, sets), expected)
    torch.testing.assert_close(bce(INFO, pos_weight=weights.tolist())(logits, sets), expected)
    with pytest.raises(ValueError, match="pos_weight has 1 numbers, but the data set has 4 classes"):
        bce(INFO, pos_weight=[2.0])


def test_balanced_weight_of_rare_positives_is_limited():
    """To 100; one of 1,000 images would have 999."""
    sets = torch.zeros(1_000, 4)
    sets[:1, 0], sets[:10, 1], sets[:500, 2] = 1, 1, 1
    loss = bce(INFO, ClassCounts(Labels(1_000, lambda: sets), 4, INFO.labels), pos_weight="balanced")
    assert loss.pos_weight.tolist() == [100, 99, 1, 1]


def test_smoothing_of_sets_moves_targets_towards_a_half():
    """And of one class towards all classes, as before."""
    logits, sets = drawn()
    expected = binary_cross_entropy_with_logits(logits, sets * 0.9 + 0.05)
    torch.testing.assert_close(bce(INFO, label_smoothing=0.1)(logits, sets), expected)
    single = DataInfo(3, 8, 8, CLASSES, (0.5,) * 3, (0.5,) * 3)
    expected = binary_cross_entropy_with_logits(logits, sets * 0.9 + 0.1 / 4)
    torch.testing.assert_close(bce(single, label_smoothing=0.1)(logits, sets), expected)
