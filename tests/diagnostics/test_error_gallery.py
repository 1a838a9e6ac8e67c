"""The dossier of errors."""

from __future__ import annotations

import io

import pytest
import torch
from matplotlib.image import imread

from cvkit.diagnostics import misclassified
from cvkit.diagnostics.neighbours import Neighbours
from cvkit.engine.per_sample import select_errors
from cvkit.engine.predictions import Predictions

CLASSES = ("cat", "dog", "<b>x</b>")


@pytest.fixture
def predictions():
    """Five images: 0 and 3 right; 2 the most confident error, then 4, then 1."""
    probabilities = torch.tensor(
        [[0.9, 0.05, 0.05], [0.3, 0.4, 0.3], [0.02, 0.95, 0.03], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1]]
    )
    return Predictions(probabilities.log(), torch.tensor([0, 2, 0, 1, 1]), 0.5)


def test_select_errors_ranks_by_confidence_in_the_wrong_class(predictions):
    """Only errors are chosen, the most confident first, at most as many as asked for."""
    assert select_errors(predictions, 10).tolist() == [2, 4, 1]
    assert select_errors(predictions, 2).tolist() == [2, 4]
    assert select_errors(predictions, 0).tolist() == []


def test_select_errors_ranks_by_loss_or_margin_where_asked():
    """Each order is its own: sure of the wrong class, far from the true one, or far ahead of it."""
    probabilities = torch.tensor([[0.55, 0.01, 0.44], [0.60, 0.40, 0.0], [0.56, 0.02, 0.42]]) + 1e-9
    predictions = Predictions(probabilities.log(), torch.tensor([1, 1, 2]), 0.5)
    assert select_errors(predictions, 3, "confidence").tolist() == [1, 2, 0]
    assert select_errors(predictions, 3, "loss").tolist() == [0, 1, 2]
    assert select_errors(predictions, 3, "margin").tolist() == [0, 1, 2]
    assert select_errors(predictions, 1, "margin").tolist() == [0]


def test_select_errors_keeps_the_order_of_equally_confident_ones():
    """Ties go by index, so the choice is the same every time."""
    predictions = Predictions(torch.tensor([[0.0, 9.0]]).repeat(50, 1), torch.zeros(50, dtype=torch.int64), 0.5)
    assert select_errors(predictions, 50).tolist() == list(range(50))


def test_misclassified_shows_both_classes_maps_side_by_side(predictions, wording):
    """A card holds the image, the map for the predicted and for the true class, and both probabilities."""
    indices = select_errors(predictions, 2)
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    maps = (torch.ones(2, 32, 32), torch.zeros(2, 32, 32))
    gallery = misclassified(images, indices, predictions, CLASSES, {"grad_cam": maps}, layers={"grad_cam": "conv"})
    card = gallery.cards[0]
    assert [label for label, _ in card.pictures] == wording(name="pictures")
    assert card.lines == wording(name="lines")
    assert ["cat 2 %" in card.lines[0], "dog 95 %" in card.lines[1]] == [True, True]
    brightness = [float(imread(io.BytesIO(png), format="png")[..., :3].mean()) for _, png in card.pictures]
    assert brightness[1] > brightness[2]
    assert "grad_cam at conv" in gallery.caption
    assert gallery.caption == wording(name="caption")
    assert gallery.pixelated


def test_misclassified_names_several_explainers_in_file_names(predictions):
    """Full ids with a slash stay one file in the gallery's folder."""
    images, maps = torch.zeros(1, 1, 28, 28, dtype=torch.uint8), (torch.ones(1, 28, 28), torch.ones(1, 28, 28))
    gallery = misclassified(images, torch.tensor([2]), predictions, CLASSES, {"a/cam": maps, "b/cam": maps})
    assert sorted(gallery.files()) == [
        "misclassified/01-a-cam-predicted.png",
        "misclassified/01-a-cam-true.png",
        "misclassified/01-b-cam-predicted.png",
        "misclassified/01-b-cam-true.png",
        "misclassified/01-image.png",
        "misclassified/heat.png",
    ]
    (card,) = gallery.cards
    assert (card.columns, card.rows) == (("a/cam", "b/cam"), ("predicted", "true"))
    assert card.at(1, 0)[0] == "b/cam: predicted"


def test_misclassified_of_a_perfect_model_explains_its_emptiness(wording):
    """Without errors there is no card, and the caption says why."""
    perfect = Predictions(torch.eye(3), torch.arange(3), 0.1)
    gallery = misclassified(
        torch.empty(0, 3, 32, 32, dtype=torch.uint8), select_errors(perfect, 5), perfect, CLASSES, {"grad_cam": ()}
    )
    assert gallery.cards == ()
    assert gallery.caption == wording


def test_cards_carry_what_the_page_sorts_and_filters_by(predictions, wording):
    """Classes to filter by, and measures that are higher the worse an error is; the order they are in comes first."""
    indices = select_errors(predictions, 3, "loss")
    images = torch.zeros(3, 3, 8, 8, dtype=torch.uint8)
    gallery = misclassified(images, indices, predictions, CLASSES, {}, "loss")
    assert [tuple(dict(card.labels).values()) for card in gallery.cards] == [
        ("cat", "dog"),
        ("dog", "cat"),
        ("<b>x</b>", "dog"),
    ]
    assert list(gallery.cards[0].values) == ["loss", "confidence", "margin"]
    assert gallery.cards[0].values["margin"] == pytest.approx(0.93)
    assert gallery.caption == wording(name="caption")
    assert list(gallery.choices().values()) == [{"<b>x</b>": 1, "cat": 1, "dog": 1}, {"cat": 1, "dog": 2}]
    assert list(gallery.choices()) == wording(name="choices")


def test_similar_images_are_named_by_class_and_cosine(predictions, wording):
    """Two neighbours stand below their error, small; they are not kept as files a second time."""
    images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    similar = Neighbours(torch.tensor([[3, 0]]), torch.tensor([[0.987, -0.5]])), torch.zeros(1, 2, 3, 32, 32).byte()
    gallery = misclassified(images, torch.tensor([2]), predictions, CLASSES, {}, similar=similar)
    assert [label for label, _ in gallery.cards[0].related] == ["dog 0.99", "cat -0.50"]
    assert imread(io.BytesIO(gallery.cards[0].related[0][1]), format="png").shape[:2] == (64, 64)
    assert list(gallery.files()) == ["misclassified/01-image.png"]
    assert gallery.caption == wording


def test_dossier_without_similar_images_says_so(predictions, wording):
    """Their absence is explained where there were correct images to choose from."""
    images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    some_right = misclassified(images, torch.tensor([2]), predictions, CLASSES, {})
    assert some_right.caption == wording(name="some right")
    hopeless = Predictions(predictions.logits[[2]], predictions.labels[[2]], 0.5)
    assert misclassified(images, torch.tensor([0]), hopeless, CLASSES, {}).caption == wording(name="none right")
    plain = misclassified(images, torch.tensor([2]), predictions, CLASSES, {}, searched=False)
    assert "similar" not in plain.caption
