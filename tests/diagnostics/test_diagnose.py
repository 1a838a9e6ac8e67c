"""A diagnosis is of what ran: it survives a failing explainer, and the same run gives the same one."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from pages import without_any_number

from cvkit import Component, Trainer, build_parts, discover, hookimpl
from cvkit.diagnostics.diagnose import diagnose
from cvkit.host.catalog import catalog_of
from cvkit.recipe import read_text, resolve

RECIPE = """
dataset: {name: shapes, train_size: 16, test_size: 12}
augmentations: [horizontal_flip]
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 1, batch_size: 8}
report: {misclassified: 4, augmented: 2}
"""


def noise(model):
    """Maps drawn at random."""
    return lambda images, targets: torch.rand(len(images), *images.shape[-2:])


def too_small(model):
    return lambda images, targets: torch.rand(len(images), 7, 7)


def not_finite(model):
    return lambda images, targets: torch.full((len(images), *images.shape[-2:]), torch.nan)


def raising(model):
    def explain(images, targets):
        raise KeyError("no such layer")

    return explain


def blank(model):
    return lambda images, targets: torch.zeros(len(images), *images.shape[-2:])


def rounded(model):
    """Maps as bilinear resizing may leave them."""
    return lambda images, targets: torch.full((len(images), *images.shape[-2:]), 1 + 2**-23)


def loud(model):
    return lambda images, targets: torch.full((len(images), *images.shape[-2:]), 1.1)


@pytest.fixture
def diagnosed(monkeypatch):
    """Train a small run and diagnose it with explainers of this file."""

    def run_with(*names):
        module = ModuleType("toy_explainers")
        vars(module).update({f.__name__: f for f in (noise, too_small, not_finite, raising, blank, rounded, loud)})
        monkeypatch.setitem(sys.modules, "toy_explainers", module)

        class Toys:
            @hookimpl
            def cvkit_explainers(self):
                return [Component(name, f"toy_explainers:{name}") for name in dict.fromkeys(names)]

        catalog = discover()
        catalog.registries["explainers"] = catalog_of({"toys": Toys()})["explainers"]
        recipe = resolve(read_text(RECIPE + f"explainers: [{', '.join(names)}]\n"), catalog)
        run = Trainer(build_parts(recipe, recipe.dataset.build(Path("unused"))))
        records = [event for event in run.fit() if hasattr(event, "test_loss")]
        return diagnose(run, records, run.final_predictions())

    return run_with


def pictures(found):
    gallery, *_ = found.errors
    return [png for card in gallery.cards for _, png in card.pictures]


@pytest.mark.parametrize(
    ("name", "reason"), [("too_small", "(4, 7, 7)"), ("not_finite", "not_finite"), ("raising", "no such layer")]
)
def test_explainer_that_fails_costs_its_own_pictures_only(diagnosed, name, reason, wording):
    """The other explainer's are there, and a warning says which failed and why."""
    found = diagnosed(name, "noise")
    (warning,) = [line for line in found.warnings if name in line]
    assert reason in warning
    assert re.sub(r"line \d+", "line <n>", warning) == wording
    assert len(found.errors[0].cards[0].pictures) == 3


def test_explainer_that_draws_at_random_gives_the_same_maps_again(diagnosed):
    """Its draws are seeded like everything else's."""
    assert pictures(diagnosed("noise")) == pictures(diagnosed("noise"))


def test_same_explainer_several_times_is_numbered(diagnosed):
    """None replaces another."""
    found = diagnosed("noise", "noise", "noise")
    assert [row[0] for row in found.explanations[0].rows[:3]] == ["noise", "noise 2", "noise 3"]


def test_black_maps_are_pointed_out(diagnosed, wording):
    """For the predicted and for the true class."""
    warnings = [line for line in diagnosed("blank").warnings if "blank" in line]
    assert [without_any_number(line) for line in warnings] == wording


def test_maps_beyond_the_unit_range_are_pointed_out_and_rounding_is_not(diagnosed, wording):
    """Once, however many of them there are."""
    (told,) = [line for line in diagnosed("rounded", "loud").warnings if "[0, 1]" in line]
    assert "loud" in told
    assert told == wording


def test_maps_are_held_against_masks_of_a_bounded_number_of_images(diagnosed, monkeypatch):
    """A data set may have any number of them."""
    assert re.search(r"\b12\b", diagnosed("noise").explanations[0].caption)
    monkeypatch.setattr("cvkit.diagnostics.diagnose.SCORED", 5)
    caption = diagnosed("noise").explanations[0].caption
    assert re.search(r"\b5\b", caption)
    assert not re.search(r"\b12\b", caption)


def test_maps_that_ignore_the_weights_are_pointed_out(diagnosed, wording):
    """What is drawn from a seed is the same for a model with other weights."""
    (warning,) = diagnosed("noise").warnings
    assert without_any_number(warning) == wording


def test_verdict_on_each_explainer_is_in_the_report_beside_the_baselines(diagnosed, wording):
    """Whether there is something to warn of or not: a table with intervals, what they mean and the caveat."""
    table = diagnosed("noise", "blank").explanations[-1]
    verdicts = {row[0]: row[-1] for row in table.rows}
    assert verdicts["noise"] != verdicts["blank"]
    assert verdicts == wording
    assert "2211.12486" in table.caption


def test_errors_come_with_similar_images_and_both_probabilities(diagnosed, wording):
    """Neighbours are test images classified correctly, each with its class and a cosine."""
    gallery, correct = diagnosed("noise").errors
    assert len(gallery.cards) == 4
    for card in gallery.cards:
        assert 1 <= len(card.related) <= 3
        assert len(card.also_related) == 3
        assert all(-1 <= float(label.split()[-1]) <= 1.001 for label, _ in (*card.related, *card.also_related))
    assert [label for label, _ in correct.cards[0].pictures] == ["image", "noise"]
    labels = [label for label, _ in gallery.cards[0].pictures]
    words = [line.partition(":")[0] for line in gallery.cards[0].lines]
    assert [*labels, *map(without_any_number, words)] == wording
