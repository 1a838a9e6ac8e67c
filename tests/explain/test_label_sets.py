"""Explanations of images with sets of labels."""

from __future__ import annotations

import torch

from cvkit.diagnostics.label_errors import label_errors, worst
from cvkit.engine.multi_label import MultiLabelPredictions
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


def errors_with(maps, signed=()):
    """A gallery of the two false negatives of three images, with maps."""
    logits, labels = torch.tensor([[-2.0, -3.0], [-1.0, 2.0], [3.0, -4.0]]), torch.tensor([[1.0, 0], [0, 1], [1, 1]])
    found = MultiLabelPredictions(logits, labels, 0.5)
    rows, which = worst(found, "false negatives", 2)
    images = torch.zeros(len(rows), 3, 8, 8, dtype=torch.uint8)
    return label_errors(images, rows, which, found, ("cat", "dog"), maps, "false negatives", {}, signed)


def test_empty_maps_of_errors_are_named_and_explained():
    """On the card, and in the caption with the reason."""
    heats = torch.zeros(2, 8, 8)
    heats[1, 0, 0] = 1
    gallery = errors_with({"grad_cam": heats})
    assert [card.pictures[1][0] for card in gallery.cards] == ["grad_cam, empty", "grad_cam"]
    assert "A map of grad_cam is empty if no region raises the logit of the label" in gallery.caption
    assert "is empty" not in errors_with({"grad_cam": heats + 0.1}).caption


def test_signed_maps_of_errors_keep_what_speaks_against_a_label():
    """A map below 0 is not empty, and the legend has its colours."""
    against = -torch.ones(2, 8, 8)
    gallery = errors_with({"occlusion": against}, {"occlusion"})
    assert [card.pictures[1][0] for card in gallery.cards] == ["occlusion", "occlusion"]
    assert gallery.legend is not None
    assert (
        gallery.cards[0].pictures[1][1]
        != errors_with({"occlusion": 0 * against}, {"occlusion"}).cards[0].pictures[1][1]
    )
    assert errors_with({"occlusion": against}).cards[0].pictures[1][0] == "occlusion, empty"
