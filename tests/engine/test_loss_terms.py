"""A model with several outputs in training: its loss, its records, and what is evaluated."""

from __future__ import annotations

import json
import sys

import pytest
import torch
from torch.nn.functional import cross_entropy

from cvkit import ComponentFailure, EpochRecord, RecipeError, trainer
from cvkit.checkpoint.contents import require_usable
from cvkit.checkpoint.serialization import pack, unpack
from cvkit.engine.progress import EpochProgress, Taken

PARTS = """
import torch
from torch import nn
from cvkit import Component, TrainingOutputs, hookimpl

class Net(nn.Module):
    def __init__(self, info):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(info.channels, 8, 4, stride=4), nn.BatchNorm2d(8), nn.ReLU())
        self.head, self.side = nn.Linear(8, info.num_classes), nn.Linear(8, info.num_classes)
    def forward(self, images):
        features = self.body(images).mean(dim=(2, 3))
        logits = self.head(features)
        if not self.training:
            return logits
        return self.outputs(logits, self.side(features), features.square().mean())
    def outputs(self, logits, side, size):
        return TrainingOutputs(logits, {"side": side}, {"size": size})

class Fewer(Net):
    def outputs(self, logits, side, size):
        return TrainingOutputs(logits, {"side": side})

class Alone(Net):
    def outputs(self, logits, side, size):
        return logits

class Always(Net):
    def forward(self, images):
        features = self.body(images).mean(dim=(2, 3))
        return self.outputs(self.head(features), self.side(features), features.mean())

class Vector(Net):
    def outputs(self, logits, side, size):
        return TrainingOutputs(logits, {"side": side}, {"size": side.mean(dim=1)})

@hookimpl
def cvkit_models():
    for name in ("Net", "Fewer", "Alone", "Always", "Vector"):
        yield Component(name.lower(), f"side_parts:{name}", loss_terms={"side": 0.5, "size": 0.1})
    yield Component("silent", "side_parts:Net")
"""
RECIPE = {
    "dataset": {"name": "shapes", "train_size": 60, "test_size": 20},
    "model": "side_parts/net",
    "optimizer": {"name": "sgd", "lr": 0.05, "momentum": 0.9},
    "train": {"epochs": 2, "batch_size": 10, "device": "cpu"},
}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "side_parts.py"
    path.write_text(PARTS, encoding="utf-8")
    yield path
    sys.modules.pop("side_parts", None)


def made(plugin, **changes):
    recipe = {**RECIPE, **changes, "train": RECIPE["train"] | changes.get("train", {})}
    return trainer(recipe, plugins=[plugin])


def stored(state):
    """A state as a checkpoint returns it."""
    packed, tensors = pack(state)
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    return unpack(json.loads(json.dumps(packed)), tensors)


def records(run):
    return [event for event in run.fit() if isinstance(event, EpochRecord)]


def weights(run):
    return torch.cat([weight.detach().flatten() for weight in run.parts.model.parameters()])


def test_loss_is_the_weighted_sum(plugin):
    """The gradient equals one that is written by hand, with the weights of the recipe and those of the model."""
    step = made(plugin, train={"loss_weights": {"side": 0.3}}).train_step
    net = step.forward.model.train()
    inputs, labels = torch.randn(6, 3, 32, 32), torch.arange(6) % 3
    logits, terms = step.forward.terms_of(inputs, labels)
    theirs = net(inputs)
    expected = [
        cross_entropy(theirs.logits, labels),
        cross_entropy(theirs.aux["side"], labels),
        theirs.losses["size"],
    ]
    assert list(terms) == ["main", "side", "size"]
    assert torch.equal(torch.stack([*terms.values()]), torch.stack(expected))
    assert torch.equal(step.forward.weighted(terms), expected[0] + 0.3 * expected[1] + 0.1 * expected[2])
    assert torch.equal(logits, theirs.logits)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"train": {"accumulate": 2, "clip_norm": 1.0, "ema": 0.9}, "augmentations": ["mixup"]},
        {"optimizer": {"name": "sam", "lr": 0.05}, "train": {"precision": "bf16"}},
    ],
    ids=["plain", "mixed", "closure"],
)
def test_run_resumes_to_the_bit_with_every_term(plugin, changes):
    """Also with mixing, accumulation, clipping, averaged weights, bf16 and a closure."""
    first, second = made(plugin, **changes), made(plugin, **changes)
    events = first.fit()
    next(events)
    require_usable({**first.state(), "data": ""})
    second.restore(stored(first.state()))
    one, other = [e for e in events if isinstance(e, EpochRecord)], records(second)
    assert torch.equal(weights(first), weights(second))
    for a, b in zip(one, other, strict=True):
        assert a.train_terms == b.train_terms
        assert list(a.train_terms) == ["main", "side", "size"]
        total = a.train_terms["main"] + 0.5 * a.train_terms["side"] + 0.1 * a.train_terms["size"]
        assert a.train_loss == pytest.approx(total, rel=1e-4)


def test_restored_progress_shares_no_tensor_with_the_state():
    """A step of one trainer would otherwise change the record of the other."""
    taken = Taken(torch.tensor(2.0), torch.tensor(1), {"main": torch.tensor(1.0)})
    first = EpochProgress(3, torch.device("cpu"))
    first.add(taken, 10, 0.1, None)
    before = {name: values.clone() for name, values in first.state().items() if name in ("losses", "hits")}
    second = EpochProgress.from_state(first.state(), torch.device("cpu"))
    second.add(taken, 10, 0.1, None)
    assert all(torch.equal(first.state()[name], values) for name, values in before.items())
    assert first.terms["main"].tolist() == [1, 0, 0]
    assert second.terms["main"].tolist() == [1, 1, 0]


def test_evaluation_sees_logits_alone(plugin):
    """The record's other numbers are those of the logits, and so is the model that is returned."""
    run = made(plugin)
    last = records(run)[-1]
    assert last.test_loss == pytest.approx(run.final_predictions().loss)
    assert run.trained().logits(torch.zeros(2, 3, 32, 32, dtype=torch.uint8)).shape == (2, 10)


def test_term_without_weight_is_recorded_and_not_trained(plugin):
    """A weight of 0 leaves the auxiliary head alone."""
    run = made(plugin, train={"loss_weights": {"side": 0}})
    before = run.parts.model.side.weight.detach().clone()
    assert records(run)[-1].train_terms["side"] > 0
    assert torch.equal(run.parts.model.side.weight, before)


@pytest.mark.parametrize("name", ["fewer", "alone", "always", "vector", "silent"])
def test_model_that_breaks_its_declaration_is_refused_before_training(plugin, name, wording):
    """The sanity check compares what the model returns with what it declares."""
    with pytest.raises(ComponentFailure) as caught:
        made(plugin, model=f"side_parts/{name}")
    assert str(caught.value).replace(str(plugin), "PLUGIN") == wording


@pytest.mark.parametrize(
    "changes",
    [{"loss_weights": {"sides": 0.3}}, {"loss_weights": {"main": 2}}, {"loss_weights": {"side": -1}}],
    ids=["unknown", "main", "negative"],
)
def test_unknown_term_is_refused_by_the_check(plugin, changes, wording):
    """With the terms that the model declares."""
    with pytest.raises(RecipeError) as caught:
        made(plugin, train=changes)
    assert str(caught.value) == wording


def test_model_without_terms_takes_no_weights(wording):
    """The error says that there are none."""
    with pytest.raises(RecipeError) as caught:
        trainer({**RECIPE, "model": "custom_resnet", "train": {"loss_weights": {"aux": 1}}})
    assert str(caught.value) == wording


def test_resolved_recipe_has_every_weight(plugin):
    """So a later version of the plugin with other weights does not change a run that is resumed."""
    run = made(plugin, train={"loss_weights": {"size": 1}})
    assert run.parts.recipe.train.loss_weights == {"side": 0.5, "size": 1.0}
