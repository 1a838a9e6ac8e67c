"""A gallery of augmented images, and the pictures that galleries are made of."""

from __future__ import annotations

import io

import pytest
import torch
from matplotlib.image import imread

from cvkit.diagnostics import augmented_samples
from cvkit.figures.thumbnails import overlay, thumbnail

CLASSES = ("cat", "dog", "<b>x</b>")


def _pixels(png):
    return imread(io.BytesIO(png), format="png")


def test_augmented_samples_put_the_original_first(wording):
    """Each card is one image and its views, in order, values beyond [0, 1] cut off."""
    originals = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    views = torch.stack([torch.full((2, 3, 32, 32), 1.5), torch.full((2, 3, 32, 32), 0.5)])
    gallery = augmented_samples(originals, views, torch.tensor([1, 2]), CLASSES)
    assert [label for label, _ in gallery.cards[0].pictures] == wording
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
