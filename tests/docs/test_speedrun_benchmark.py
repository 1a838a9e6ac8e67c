"""The benchmark of the speedrun changes the recipe where it says so, and repeats no run."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from cvkit import discover, resolve
from cvkit.recipe import read

ROOT = Path(__file__).parents[2]
RECIPE = """
dataset: {name: shapes, train_size: 40, test_size: 20}
augmentations: [alternating_flip, {name: random_crop, padding: 2}]
model: {name: airbench, width: 2}
loss: {name: cross_entropy, label_smoothing: 0.2}
optimizer: {name: scaled_bias_sgd, lr: 0.1, lookahead: 2}
scheduler: triangle
explainers: []
train: {epochs: 1, batch_size: 20}
evaluation: {flip_tta: true}
report: {misclassified: 0, augmented: 0}
"""


@pytest.fixture
def script(monkeypatch):
    """The names of the script, which imports others beside it."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return runpy.run_path(str(ROOT / "benchmarks" / "speedrun.py"))


@pytest.mark.parametrize("recipe", ["recipes/cifar10_speedrun.yaml", "recipes/cifar10_quick.yaml"])
def test_every_variant_is_another_recipe(script, recipe):
    """Each is a good recipe that differs from the others; in one component, or in training too for Muon."""
    catalog = discover()
    made = {}
    for name, (_, changes) in script["ROWS"].items():
        overrides = [f"{path}={json.dumps(value)}" for path, value in changes.items()]
        made[name] = resolve(read(ROOT / recipe, overrides), catalog)
    kinds = ("augmentations", "model", "loss", "optimizer", "scheduler", "train")
    for name, variant in made.items():
        changed = [kind for kind in kinds if getattr(variant, kind) != getattr(made["recipe"], kind)]
        assert len(changed) == {"recipe": 0, "muon": 3}.get(name, 1), name
    assert "lookahead" not in made["muon"].optimizer.options or made["muon"].optimizer.options["lookahead"] is None


def test_runs_with_a_result_are_not_repeated(script, tmp_path, monkeypatch, capsys):
    """A second call prints the same table without training; its folder may be gone."""
    (tmp_path / "tiny.yaml").write_text(RECIPE)
    results = tmp_path / "results.json"
    script["main"].__globals__["RESULTS"] = results
    arguments = ["speedrun.py", str(tmp_path / "keep"), "--recipe", str(tmp_path / "tiny.yaml"), "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--device", "cpu"])
    script["main"]()
    first, kept = capsys.readouterr().out, json.loads(results.read_text())
    (found,) = kept.values()
    assert list(kept) == ["tiny fp32 cpu recipe 0"]
    assert found["test"] % 5 == found["tta"] % 5 == 0  # of 20 images
    assert found["seconds"] > 0
    monkeypatch.setitem(script["main"].__globals__, "run_of", None)
    script["main"]()
    assert capsys.readouterr().out == first
    assert f"| the recipe | {found['test']:.2f} %" in first
