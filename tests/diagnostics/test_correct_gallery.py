"""Correctly classified images at random, beside the errors."""

from __future__ import annotations

import pytest
import torch

from cvkit.diagnostics.correct_gallery import correctly_classified, select_correct
from cvkit.engine.multi_label import MultiLabelPredictions
from cvkit.engine.predictions import Predictions

CLASSES = ("cat", "dog", "<b>x</b>", "yak")


@pytest.fixture
def predictions():
    """Forty images of three classes, two thirds of which are cats; every fifth is an error, and no yak is right."""
    labels = torch.tensor(([0, 0, 0, 0, 1, 2] * 7)[:40])
    labels[4::10] = 3
    predicted = labels.clone()
    predicted[::5] = (labels[::5] + 1) % 4
    predicted[labels == 3] = 0
    return Predictions(3 * torch.eye(4)[predicted], labels, 0.5, half="test")


def test_correct_images_are_of_as_many_classes_as_possible(predictions):
    """Each class once before any twice; a class of which no image is right is not there."""
    for seed in range(5):
        chosen = select_correct(predictions, seed, 6)
        assert predictions.correct[chosen].all()
        assert len(chosen.unique()) == 6
        labels = predictions.labels[chosen].tolist()
        assert sorted(labels[:3]) == sorted(labels[3:]) == [0, 1, 2]


def test_choice_depends_on_the_seed_only(predictions):
    """It is the same again, another with another seed, and not that of the highest confidence."""
    assert torch.equal(select_correct(predictions, 1), select_correct(predictions, 1))
    assert len({tuple(select_correct(predictions, seed).tolist()) for seed in range(8)}) > 4


def test_fewer_correct_images_than_asked_for_are_all_shown(predictions):
    """And none if none is right."""
    assert sorted(select_correct(predictions, 0, 99).tolist()) == predictions.correct.nonzero().flatten().tolist()
    wrong = Predictions(predictions.logits[::5], predictions.labels[::5], 0.5)
    assert select_correct(wrong, 0).tolist() == []


def test_cards_name_class_and_confidence_and_the_caption_the_proportion(predictions, wording):
    """A map for each explainer stands beside the image."""
    chosen = select_correct(predictions, 0, 2)
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    gallery = correctly_classified(images, chosen, predictions, CLASSES, {"grad_cam": torch.ones(2, 32, 32)})
    name = CLASSES[predictions.labels[chosen[0]]]
    assert name in gallery.cards[0].lines[0]
    assert gallery.cards[0].lines[1] == predictions.name(int(chosen[0]))
    assert [label for label, _ in gallery.cards[0].pictures] == ["image", "grad_cam"]
    correct = int(predictions.correct.sum())
    assert f"2 of {correct} correctly" in gallery.caption
    assert f"{40 - correct} errors on 40 test images" in gallery.caption
    assert gallery.caption == wording


def test_images_with_all_labels_right_are_of_as_many_label_sets_as_possible():
    """Each set once before any twice; an image without labels is named so."""
    labels = torch.tensor([[1, 0], [1, 0], [1, 0], [1, 1], [0, 0], [0, 1]]).float()
    logits = 4 * labels - 2
    logits[5] = -logits[5]
    found = MultiLabelPredictions(logits, labels, 0.3, half="test")
    chosen = select_correct(found, 0, 3)
    assert sorted(map(tuple, labels[chosen].int().tolist())) == [(0, 0), (1, 0), (1, 1)]
    gallery = correctly_classified(torch.zeros(3, 3, 32, 32, dtype=torch.uint8), chosen, found, ("cat", "dog"))
    assert {card.lines[0].removeprefix("true and predicted: ") for card in gallery.cards} == {
        *("cat", "cat, dog", "no label"),
    }
    assert gallery.title == "Images with all labels right"
    assert "3 of 5 images with all labels right" in gallery.caption
    assert "1 wrong image on 6 test images" in gallery.caption
