"""Signed maps: their range, their colours, and what is scored of them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cvkit import Component, Origin, RunError, discover, hookimpl, resolve
from cvkit.data.preprocessing import Preprocessor
from cvkit.engine.background import Background
from cvkit.engine.trained_model import TrainedModel
from cvkit.explain.explainers import Explainers
from cvkit.explain.scores import explained, tables
from cvkit.explain.scores.measures import ENERGY
from cvkit.explain.scores.result import Scored
from cvkit.figures.map_legends import map_legends
from cvkit.figures.thumbnails import colour_bar, overlay
from cvkit.protocols import require_maps
from cvkit.recipe import read_text
from cvkit.testing.sample_parts import SamplePlugin, sample_info

RECIPE = "{dataset: sample/colours, model: sample/net, optimizer: sgd, explainers: [%s], train: {epochs: 1}}"


class Halves:
    """Against the class on the left and for it on the right, `peak` in size; beside the mean of training images."""

    def __init__(self, model, background, *, peak: float = 1.0):
        self.peak, self.shade = peak, background.images.mean()

    def __call__(self, images, targets):
        maps = torch.full((len(images), *images.shape[2:]), self.peak)
        maps[..., : images.shape[3] // 2] *= -0.5
        return maps


class Plugin:
    @hookimpl
    def cvkit_explainers(self):
        yield Component("halves", f"{__name__}:Halves", "Two halves", signed=True)
        yield Component("plain", f"{__name__}:Halves", "Two halves")
        yield Component("refuses", f"{__name__}:Refuses", "Two halves", signed=True)


class Refuses(Halves):
    def __init__(self, model, background):
        raise ValueError("this model has no halves")


class OtherPlugin:
    @hookimpl
    def cvkit_explainers(self):
        yield Component("refuses", f"{__name__}:Halves", "Two halves")


@pytest.fixture
def explainers_of():
    """Put explainers to work on a small model and a background; return them and their warnings."""
    catalog = discover()
    catalog.admit(Origin("sample", "in-process", "0"), SamplePlugin())
    catalog.admit(Origin("two", "in-process", "0"), Plugin())
    catalog.admit(Origin("three", "in-process", "0"), OtherPlugin())
    info, warnings = sample_info(height=8, width=8), []
    trained = TrainedModel(
        nn.Identity(), info, Preprocessor(info, [], torch.device("cpu"), False), torch.device("cpu"), 0
    )

    def make(parts, background=None):
        recipe = resolve(read_text(RECIPE % parts), catalog)
        return Explainers(trained, recipe.explainers, warnings, background), warnings

    return make


IMAGES, TARGETS = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1])
BACKGROUND = Background.of(torch.zeros(1, 3, 8, 8), torch.tensor([0]))


def test_signed_maps_keep_their_sign(explainers_of):
    """And need no warning, as maps below 0 of another explainer do."""
    explainers, warnings = explainers_of("two/halves, two/plain", BACKGROUND)
    maps = explainers.explain(IMAGES, TARGETS)
    assert explainers.signed == {"halves"}
    assert maps["halves"].min() == -0.5
    assert warnings == ["plain returned map values outside [0, 1]; they are clipped for display"]


def test_signed_explainer_that_cannot_be_built_does_not_give_its_sign_to_another(explainers_of):
    """Of the same short name, from another plugin."""
    explainers, warnings = explainers_of("two/refuses, three/refuses", BACKGROUND)
    assert list(explainers.working) == ["refuses"]
    assert explainers.signed == set()
    explainers.explain(IMAGES, TARGETS)
    assert "refuses could not explain this model" in warnings[0]
    assert warnings[1] == "refuses returned map values outside [0, 1]; they are clipped for display"


def test_signed_maps_beyond_their_range_are_refused(explainers_of):
    """The explainer is skipped, and the reason names the range."""
    explainers, warnings = explainers_of("{name: two/halves, peak: 3.0}", BACKGROUND)
    assert explainers.explain(IMAGES, TARGETS) == {}
    assert "from -1.5 to 3; expected values in [-1, 1]" in warnings[0]


def test_range_of_signed_maps_has_the_tolerance_of_rounding():
    """Of maps that are resized after they were divided."""
    maps = torch.full((2, 8, 8), 1 + 1e-7)
    assert require_maps(-maps, IMAGES, signed=True) is not maps
    with pytest.raises(RunError, match="largest absolute value"):
        require_maps(-1.01 * maps, IMAGES, signed=True)


def test_explainer_of_training_images_is_skipped_without_them(explainers_of):
    """The others work, and other weights get the same background."""
    explainers, warnings = explainers_of("two/halves")
    assert explainers.working == {}
    assert "there are no training images" in warnings[0]
    explainers, warnings = explainers_of("gradcam/occlusion", Background(lambda: pytest.fail("read without need")))
    assert set(explainers.working) == {"occlusion"}
    explainers, _ = explainers_of("two/halves", BACKGROUND)
    assert set(explainers.of(explainers.trained).working) == {"halves"}


def test_positive_part_of_signed_maps_is_scored(explainers_of):
    """Of all others, what they return."""
    explainers, _ = explainers_of("two/halves, two/plain", BACKGROUND)
    maps = explained(explainers, IMAGES, TARGETS)
    assert maps["halves"].min() == 0
    assert maps["halves"].max() == 1
    assert maps["plain"].min() == -0.5


def test_table_says_that_the_positive_part_is_scored():
    """Only for the explainers in it."""
    scored = Scored.of(ENERGY, {"one": torch.rand(9), "two": torch.rand(9)})
    (table,) = tables([scored], {"two", "three"})
    assert table.caption.endswith("Of the signed maps of two, only the positive values are scored.")
    assert "signed" not in tables([scored])[0].caption


def test_overlay_of_signed_heat_is_orange_for_and_blue_against():
    """A zero leaves half the grey image, as in other maps."""
    blended = overlay(torch.full((3, 1, 3), 100, dtype=torch.uint8), torch.tensor([[-0.5, 0.0, 0.5]]), signed=True)
    against, none, for_ = blended[:, 0].T.int().tolist()
    assert none == pytest.approx([50, 50, 50], abs=2)
    assert against[2] > against[0] + 50
    assert for_[0] > for_[2] + 50


# Linear RGB as people without one kind of cone see it: Machado et al. 2009, "A Physiologically-based Model for
# Simulation of Color Vision Deficiency", table 1, severity 1.
SEEN_WITHOUT = {
    "long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "medium": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "short": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("cones", SEEN_WITHOUT)
@pytest.mark.parametrize("strength", [0.3, 0.5, 0.75, 1.0])
def test_colours_for_and_against_differ_for_the_colour_blind(cones, strength):
    """By at least a fifth of the range in a channel, whichever kind of cone is missing, on a grey image."""
    heat = torch.tensor([[-strength, strength]])
    rgb = overlay(torch.full((1, 1, 2), 128, dtype=torch.uint8), heat, signed=True)[:, 0].double() / 255
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (torch.tensor(SEEN_WITHOUT[cones], dtype=torch.float64) @ linear).clamp(0, 1)
    shown = torch.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    assert (shown[:, 0] - shown[:, 1]).abs().max() > 0.2


def test_legends_name_the_explainers_and_the_ends_of_the_colours():
    """There is one for signed maps and one for others, if there are such maps."""
    assert map_legends([], set()) == ()
    plain, signed = map_legends(["occlusion", "grad_cam", "gradients"], {"occlusion", "gradients"})
    assert (plain.title, plain.bar) == ("Colours of grad_cam", colour_bar())
    assert signed.title == "Colours of occlusion, gradients"
    assert (signed.low, signed.high, signed.bar) == ("against the class", "for the class", colour_bar(signed=True))
    assert plain.name != signed.name
