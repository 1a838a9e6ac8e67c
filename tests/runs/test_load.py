"""A trained model is loaded from its run folder alone."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from explained_run import SMALL, train

from cvkit.engine.trained_model import TrainedModel
from cvkit.engine.trainer import Trainer
from cvkit.errors import RunError
from cvkit.host.discovery import discover
from cvkit.recipe import read_text, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.load import load_trained


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, Trainer]:
    """A run folder of the small recipe, and the run."""
    parent = tmp_path_factory.mktemp("trained")
    run = train(parent)
    return next(parent.glob("small-*")), run


def test_reopened_model_answers_as_the_run_does(trained):
    """To the last bit, and the run folder stays as it is."""
    folder, run = trained
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    opened = RunFolder.open(folder)
    trained_again = load_trained(opened, run.parts.recipe, opened.data_info()).trained
    images = run.parts.splits.test.images
    assert opened.data_info() == run.parts.info
    assert torch.equal(trained_again.logits(images), run.trained().logits(images))
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_reopened_model_is_the_averaged_one(tmp_path):
    """Where the run averages its weights, as its evaluation and report use those."""
    run = train(tmp_path, "train.ema=0.9", "train.epochs=1")
    folder = RunFolder.open(next(tmp_path.glob("small-*")))
    logits = load_trained(folder, run.parts.recipe, run.parts.info).trained.logits(run.parts.splits.test.images)
    assert torch.equal(logits, run.trained().logits(run.parts.splits.test.images))
    assert not torch.equal(logits, open_averaged_away(run).logits(run.parts.splits.test.images))


def open_averaged_away(run: Trainer):
    """The run as asked without its averaged weights."""
    parts = run.parts
    return TrainedModel(copy.deepcopy(parts.model).eval(), parts.info, parts.preprocessor, parts.device, seed=0)


def test_pretrained_weights_are_not_asked_for_again(trained, monkeypatch, wording):
    """A checkpoint holds all weights; without a network there would be no opening the run."""
    from cvkit_timm import model as family

    recipe = resolve(
        read_text(SMALL, ["model={name: timm/resnet10t, pretrained: true}", "explainers=[]"]), discover()
    )
    monkeypatch.setattr(family, "load_arguments", lambda name: pytest.fail("asked for weights"))
    with pytest.raises(RunError) as caught:
        load_trained(RunFolder.open(trained[0]), recipe, trained[1].parts.info)
    assert str(caught.value) == wording
