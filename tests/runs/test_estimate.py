"""The estimate of a whole run after its first epoch: what it counts is what the report does, and training goes on."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from cvkit import Component, Trainer, build_parts, discover, hookimpl
from cvkit.diagnostics.diagnose import diagnose
from cvkit.engine.records import EpochRecord
from cvkit.host.catalog import catalog_of
from cvkit.recipe import read_text, resolve
from cvkit.runs.estimate import Estimate
from cvkit.runs.report_cost import ReportCost

RECIPE = """
dataset: {name: shapes, train_size: 48, test_size: 20}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 2, batch_size: 8}
report: {misclassified: 4, augmented: 0}
explainers: [counting]
"""


@pytest.fixture
def explained(monkeypatch) -> list[int]:
    """How many images each call of the explainer `counting` explains."""
    calls: list[int] = []

    def counting(model):
        def explain(images, targets):
            calls.append(len(images))
            torch.rand(3)  # an explainer may draw, which must not change the training
            return torch.zeros(len(images), *images.shape[-2:])

        return explain

    module = ModuleType("toy_counting")
    module.counting = counting
    monkeypatch.setitem(sys.modules, "toy_counting", module)
    return calls


@pytest.fixture
def new_trainer(explained):
    """A trainer of the small recipe with overrides."""

    class Toys:
        @hookimpl
        def cvkit_explainers(self):
            return [Component("counting", "toy_counting:counting")]

    def new(*overrides: str) -> Trainer:
        catalog = discover()
        catalog.registries["explainers"] = catalog_of({"toys": Toys()})["explainers"]
        recipe = resolve(read_text(RECIPE, overrides), catalog)
        return Trainer(build_parts(recipe, recipe.dataset.build(Path("unused"))))

    return new


def lines_of(trainer: Trainer) -> list[tuple[int, str]]:
    """Train, and return each line of the estimate with the epochs that were over when it was made."""
    estimate, found, epochs = Estimate(trainer), [], 0
    for event in trainer.fit():
        epochs += isinstance(event, EpochRecord)
        found += [(epochs, line) for line in estimate.lines(event)]
    return found


@pytest.mark.parametrize("override", ["report.misclassified=4", "report.misclassified=0"])
def test_counted_explanations_are_those_of_the_report(new_trainer, explained, override):
    """Errors, correct images, and those that are compared with masks and with other weights."""
    trainer = new_trainer(override)
    records = [event for event in trainer.fit() if isinstance(event, EpochRecord)]
    cost = ReportCost.of(trainer, records[-1])
    explained.clear()
    diagnose(trainer, records, trainer.final_predictions())
    assert sum(explained) == cost.explained


def test_whole_run_is_estimated_once_after_the_first_epoch(new_trainer, monkeypatch, wording):
    """With the time of the training and of what follows; a short run has no such line."""
    assert lines_of(new_trainer()) == []
    monkeypatch.setattr("cvkit.runs.estimate._SHORT", 0.0)
    ((epochs, line),) = lines_of(new_trainer())
    assert epochs == 1
    assert re.sub(r"\d[\d.]* (s|explanations)", r"<number> \1", line) == wording


def test_estimate_does_not_change_the_training(new_trainer, monkeypatch):
    """The explanations are of a copy, and random numbers go on where they were."""
    plain, estimated = new_trainer(), new_trainer()
    lines_of(plain)
    monkeypatch.setattr("cvkit.runs.estimate._SHORT", 0.0)
    assert lines_of(estimated)
    weights = plain.parts.model.state_dict()
    assert all(torch.equal(each, weights[name]) for name, each in estimated.parts.model.state_dict().items())
