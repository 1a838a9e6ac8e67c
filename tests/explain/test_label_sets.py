"""Explanations of images with sets of labels."""

from __future__ import annotations

import torch

from cvkit.engine.prediction_rule import prediction_rule_of
from cvkit.explain.targets import ExplainTargets


def test_predicted_and_missed_labels_are_explained():
    """Each once; the question may name others."""
    assert ExplainTargets().of([2, 5], (5, 1)) == [2, 5, 1]
    assert ExplainTargets().of([2], None) == [2]
    assert ExplainTargets((7,)).of([2, 5], (5, 1)) == [7]


def test_labels_are_decided_by_their_thresholds():
    """The most probable first; one class is the most probable one."""
    chances = torch.tensor([0.4, 0.9, 0.6])
    assert prediction_rule_of("multi_label").predicted(chances) == [1, 2]
    assert prediction_rule_of("multi_label", (0.3, 0.95, 0.7)).predicted(chances) == [0]
    assert prediction_rule_of("multi_label", (0.9, 0.95, 0.7)).predicted(chances) == []
    assert prediction_rule_of("single_label").predicted(chances) == [1]
    logits, targets = torch.tensor([[2.0, -2.0], [0.1, 0.2]]), torch.tensor([1, 1])
    assert prediction_rule_of("multi_label").includes(logits, targets).tolist() == [False, True]
    assert prediction_rule_of("single_label").includes(logits, targets).tolist() == [False, True]
