"""Galleries of errors and of augmented images."""

from __future__ import annotations

import io

import pytest
import torch
from matplotlib.image import imread

from cvkit.diagnostics import augmented_samples, misclassified, select_errors
from cvkit.diagnostics.pictures import overlay, thumbnail
from cvkit.engine.metrics import Predictions

CLASSES = ("cat", "dog", "<b>x</b>")


def _pixels(png):
    return imread(io.BytesIO(png), format="png")


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


def test_select_errors_keeps_the_order_of_equally_confident_ones():
    """Ties go by index, so the choice is the same every time."""
    predictions = Predictions(torch.tensor([[0.0, 9.0]]).repeat(50, 1), torch.zeros(50, dtype=torch.int64), 0.5)
    assert select_errors(predictions, 50).tolist() == list(range(50))


def test_misclassified_shows_both_classes_maps_side_by_side(predictions):
    """A card holds the image, the map for the predicted and for the true class, and both probabilities."""
    indices = select_errors(predictions, 2)
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    maps = (torch.ones(2, 32, 32), torch.zeros(2, 32, 32))
    gallery = misclassified(images, indices, predictions, CLASSES, {"grad_cam": maps})
    card = gallery.cards[0]
    assert [label for label, _ in card.pictures] == ["image", "predicted", "true"]
    assert card.lines == ("true: cat 2 %", "predicted: dog 95 %", "test image 2")
    brightness = [float(_pixels(png)[..., :3].mean()) for _, png in card.pictures]
    assert brightness[1] > brightness[2]
    assert "2 most confident of 3 errors on 5 test images" in gallery.caption
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
    ]


def test_misclassified_of_a_perfect_model_explains_its_emptiness():
    """Without errors there is no card, and the caption says why."""
    perfect = Predictions(torch.eye(3), torch.arange(3), 0.1)
    gallery = misclassified(
        torch.empty(0, 3, 32, 32, dtype=torch.uint8), select_errors(perfect, 5), perfect, CLASSES, {"grad_cam": ()}
    )
    assert gallery.cards == ()
    assert "all 3 test images were classified correctly" in gallery.caption


def test_augmented_samples_put_the_original_first():
    """Each card is one image and its views, in order, values beyond [0, 1] cut off."""
    originals = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    views = torch.stack([torch.full((2, 3, 32, 32), 1.5), torch.full((2, 3, 32, 32), 0.5)])
    gallery = augmented_samples(originals, views, torch.tensor([1, 2]), CLASSES)
    assert [label for label, _ in gallery.cards[0].pictures] == ["original", "view 1", "view 2"]
    assert [round(float(_pixels(png).flatten()[0]), 1) for _, png in gallery.cards[0].pictures] == [0.0, 1.0, 0.5]
    assert [card.lines for card in gallery.cards] == [("dog",), ("<b>x</b>",)]


@pytest.mark.parametrize(
    ("size", "shown"), [((32, 32), (128, 128)), ((28, 28), (112, 112)), ((96, 96), (96, 96)), ((224, 448), (64, 128))]
)
def test_thumbnails_enlarge_by_whole_factors_and_reduce_to_fit(size, shown):
    """Small images keep their pixels as squares; large ones keep their proportions."""
    assert _pixels(thumbnail(torch.zeros(3, *size, dtype=torch.uint8))).shape[:2] == shown


def test_thumbnail_repeats_every_pixel_exactly():
    """An enlarged picture holds the image's own values, in the image's order of channels."""
    image = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    picture = torch.from_numpy(_pixels(thumbnail(image))[..., :3] * 255).round().to(torch.uint8).permute(2, 0, 1)
    assert torch.equal(picture[:, ::4, ::4], image)
    assert torch.equal(picture[:, 3::4, 3::4], image)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pictures_take_any_number_of_channels(channels):
    """One channel is grey, three are colours, anything else its mean."""
    image = torch.full((channels, 32, 32), 100, dtype=torch.uint8)
    assert round(float(_pixels(thumbnail(image))[0, 0, 0]) * 255) == 100
    assert overlay(image, torch.rand(32, 32)).shape == (3, 32, 32)


def test_overlay_adds_heat_only_where_the_map_is():
    """A zero leaves half the grey image; a one adds inferno's light yellow."""
    heat = torch.tensor([[0.0, 1.0]])
    blended = overlay(torch.full((3, 1, 2), 100, dtype=torch.uint8), heat)
    assert blended[:, 0, 0].tolist() == pytest.approx([50, 50, 50], abs=3)
    assert blended[:, 0, 1].tolist() == [176, 177, 132]
