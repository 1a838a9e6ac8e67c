"""A picture keeps its own shape, and its heat lies where the model saw it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from cvkit.data.framing import Framing
from cvkit.data.splits import DataInfo
from cvkit.explain.picture import LONGEST, fit
from cvkit.figures.thumbnails import overlay


def info(channels: int = 3, height: int = 8, width: int = 8) -> DataInfo:
    return DataInfo(channels, height, width, ("a", "b"), (0.5,) * channels, (0.2,) * channels)


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
def test_picture_of_the_models_size_is_left_as_it_is(mode, channels):
    """Bit for bit, in colour and in grey."""
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    picture = fit("a", image, info(channels))
    assert torch.equal(picture.fitted, picture.shown)
    assert np.array_equal(picture.fitted.permute(1, 2, 0).squeeze(2).numpy(), np.asarray(image))


def test_model_sees_what_the_overlay_shows_as_seen():
    """What lies beyond reaches no pixel but those at the edge, into which bicubic resizing mixes a little."""
    image = Image.new("RGB", (160, 80), "red")
    image.paste("blue", (40, 0, 120, 80))
    red = fit("a", image, info()).fitted[0]
    assert (red[:, 1:-1] == 0).all()
    assert (red < 32).all()


def test_large_picture_is_reduced_in_its_own_shape():
    """What is shown is bounded; what the model sees comes from all pixels."""
    picture = fit("a", Image.new("RGB", (4 * LONGEST, LONGEST), "red"), info())
    assert picture.shown.shape == (3, LONGEST // 4, LONGEST)
    assert picture.fitted.shape == (3, 8, 8)


def test_overlay_has_the_pictures_shape_and_is_dark_beyond_what_the_model_sees():
    """Inside, it is the blend of image and heat; outside half as bright as no heat at all."""
    picture = fit("a", Image.new("RGB", (160, 80), "white"), info())
    blended = picture.overlay(torch.ones(8, 8))
    assert blended.shape == (3, 80, 160)
    assert torch.equal(blended[:, :, 40:120], overlay(picture.shown, torch.ones(80, 160))[:, :, 40:120])
    assert (blended[:, :, :40] == overlay(picture.shown, torch.zeros(80, 160))[:, :, :40] // 2).all()


def test_heat_lies_where_it_was_found():
    """The hottest pixel of the model's upper left corner is in that corner of what it saw."""
    heat = torch.zeros(8, 8)
    heat[0, 0] = 1
    blended = fit("a", Image.new("RGB", (160, 80), "black"), info()).overlay(heat).float().sum(dim=0)
    row, column = divmod(int(blended.argmax()), 160)
    assert row < 10
    assert 40 <= column < 50


def test_heat_beyond_one_is_cut_off():
    """As an explainer without normalisation makes it."""
    picture = fit("a", Image.new("RGB", (8, 8), "black"), info())
    assert torch.equal(picture.overlay(torch.full((8, 8), 7.0)), picture.overlay(torch.ones(8, 8)))


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (20_000, 1), (1, 1), (2, 1), (7, 70_000)])
@pytest.mark.parametrize("model", [(8, 8), (8, 24)])
def test_picture_of_any_shape_can_be_shown(size, model):
    """However long and narrow: reduced to the bound, its shorter side is still a pixel."""
    picture = fit("a", Image.new("RGB", size, "red"), info(height=model[0], width=model[1]))
    longest, shortest = max(picture.shown.shape[1:]), min(picture.shown.shape[1:])
    assert (longest, shortest) == (min(max(size), LONGEST), 1)
    assert picture.fitted.shape == (3, *model)
    assert picture.overlay(torch.ones(model)).shape == picture.shown.shape


@pytest.mark.parametrize(
    ("size", "mode", "cropped"), [((8, 8), "crop", False), ((160, 80), "crop", True), ((160, 80), "squash", False)]
)
def test_cropped_pictures_are_known(size, mode, cropped):
    """The page explains the dark parts of a picture only if there are any."""
    framed = replace(info(), framing=Framing(mode))
    assert fit("a", Image.new("RGB", size, "red"), framed).is_cropped == cropped
