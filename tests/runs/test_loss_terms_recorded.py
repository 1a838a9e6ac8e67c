"""The terms of a training loss in the files of a run, in its lines, its report and TensorBoard."""

from __future__ import annotations

import sys

import pytest

from cvkit import RunFolder, train
from cvkit.runs.lines import epoch_line
from cvkit_tensorboard.events import epoch

PARTS = """
from torch import nn
from cvkit import Component, TrainingOutputs, hookimpl

class Net(nn.Module):
    def __init__(self, info):
        super().__init__()
        self.head = nn.Linear(info.channels * info.height * info.width, info.num_classes)
    def forward(self, images):
        logits = self.head(images.flatten(1))
        return TrainingOutputs(logits, losses={"size": logits.square().mean()}) if self.training else logits

@hookimpl
def cvkit_models():
    yield Component("net", "sized_parts:Net", loss_terms={"size": 0.01})
"""
RECIPE = {
    "dataset": {"name": "shapes", "train_size": 40, "test_size": 20},
    "model": "sized_parts/net",
    "optimizer": {"name": "sgd", "lr": 0.01},
    "train": {"epochs": 2, "batch_size": 20, "device": "cpu"},
    "report": {"misclassified": 0},
}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "sized_parts.py"
    path.write_text(PARTS, encoding="utf-8")
    yield path
    sys.modules.pop("sized_parts", None)


def test_every_term_is_recorded(plugin, tmp_path):
    """In metrics.jsonl, on the line of the epoch, in TensorBoard, and as a figure of the report."""
    run = train(RECIPE, output=tmp_path / "runs", plugins=[plugin], progress=False)
    folder = RunFolder(run.folder)
    last = folder.records()[-1]
    assert last.train_loss == pytest.approx(last.train_terms["main"] + 0.01 * last.train_terms["size"], rel=1e-5)
    assert f"main loss {last.train_terms['main']:.4f}" in epoch_line(last)
    written = {value.tag: value.simple_value for event in epoch(last) for value in event.summary.value}
    assert written["loss_terms/size"] == pytest.approx(last.train_terms["size"])
    assert (run.folder / "figures" / "loss_terms.svg").is_file()
    assert "Terms of the training loss" in (run.folder / "report.html").read_text(encoding="utf-8")
    assert "loss_weights: {size: 0.01}" in folder.recipe_text()
