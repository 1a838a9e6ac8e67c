"""A run from pretrained weights in a file needs the file once: everything later works without it."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest
import timm
import torch
from forks import Command
from PIL import Image
from safetensors.torch import save_file

from cvkit import load
from cvkit.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("warm")
RECIPE = """\
name: fine
dataset: {name: shapes, train_size: 40, test_size: 20}
model: {name: timm/test_resnet, pretrained: weights}
optimizer: {name: adamw, lr: 0.01}
scheduler: cosine
explainers: [grad_cam]
finetune: {freeze: {epochs: 1}, head_lr: 10, no_decay: [bias, norm]}
train: {epochs: 3, batch_size: 8, checkpoint_every: 2}
report: {misclassified: 1, augmented: 0}
"""
MEAN = [0.1, 0.2, 0.3]


@pytest.fixture
def weights(tmp_path) -> Path:
    """A folder as timm writes it, whose mean is not the data set's."""
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet", num_classes=7).state_dict(), folder / "model.safetensors")
    config = {"pretrained_cfg": {"mean": MEAN, "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "crop_pct": 0.9}}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def recipe(tmp_path, weights) -> Path:
    (tmp_path / "fine.yaml").write_text(RECIPE)
    return tmp_path / "fine.yaml"


def only_run(output: Path) -> Path:
    (folder,) = output.iterdir()
    return folder


def trained(folder: Path) -> dict[str, torch.Tensor]:
    state, _ = RunFolder(folder).newest_state()
    return state["model"]


def has_checkpoint(output: Path, step: int) -> bool:
    """Whether there is a checkpoint of `step` or later."""
    found = output.glob("*/checkpoints/step-*/manifest.json")
    return any(int(manifest.parent.name.removeprefix("step-")) >= step for manifest in found)


def group_rates(folder: Path) -> list[dict[str, float]]:
    """Return the rates of the parameter groups in the records of a run."""
    return [dict(record.group_lrs) for record in RunFolder(folder).records()]


def remove(weights: Path) -> None:
    for file in weights.iterdir():
        file.unlink()
    weights.rmdir()


def test_killed_run_is_resumed_without_the_file(cvkit, recipe, tmp_path, weights, wording):
    """Killed within the frozen epoch and after it, it ends with the same bits; so do its records of rates."""
    done = cvkit("run", recipe, "--output", tmp_path / "whole")
    assert done.returncode == 0, done.stderr
    whole = only_run(tmp_path / "whole")
    info = json.loads((whole / "run.json").read_text())
    assert info["pretrained"]["input"]["mean"] == MEAN
    assert info["data_info"]["mean"] == MEAN
    assert len(info["pretrained"]["sha256"]) == 64
    groups = [(group["name"], group["lr_factor"], group["weight_decay"]) for group in info["parameter_groups"]]
    assert groups == [
        ("head", 1.0, True), ("head, no decay", 1.0, False), ("body", 0.1, True), ("body, no decay", 0.1, False),
    ]  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if "starts from the weights" in line)
    assert re.sub(r"[0-9a-f]{12}\.\.\.", "DIGEST", line) == wording
    assert "starts from the weights" not in done.stderr  # it is information, not a warning
    assert "learning rates of the groups, relative to the head's (lr): head 1, body 0.1\n" in done.stdout
    rates = group_rates(whole)
    assert all(set(of_epoch) == {"head", "body"} for of_epoch in rates)
    assert all(of_epoch["body"] == pytest.approx(of_epoch["head"] / 10) for of_epoch in rates)
    assert f"   body lr {rates[1]['body']:.3g}" in done.stdout
    kept = weights.with_name("kept")
    for number, after in enumerate((2, 7)):
        output = tmp_path / f"killed{number}"
        if kept.exists():
            kept.rename(weights)
        killed = Command("run", recipe, "--output", output, cwd=tmp_path)
        while not has_checkpoint(output, after):
            time.sleep(0.01)
        os.killpg(killed.pid, signal.SIGKILL)
        killed.finish()
        weights.rename(kept)
        folder = only_run(output)
        resumed = cvkit("resume", folder)
        assert resumed.returncode == 0, resumed.stderr
        expected, found = trained(whole), trained(folder)
        assert all(torch.equal(expected[name], found[name]) for name in expected)
        again = json.loads((folder / "run.json").read_text())
        assert (again["pretrained"], again["data_info"]) == (info["pretrained"], info["data_info"])
        assert group_rates(folder) == rates


def test_extend_predict_and_explain_need_no_file(cvkit, recipe, tmp_path, weights):
    """Nor does a run that starts from this one need more than its folder."""
    assert cvkit("run", recipe, "--output", tmp_path / "runs").returncode == 0
    remove(weights)
    folder = only_run(tmp_path / "runs")
    extended = cvkit("extend", folder, "--epochs", 4, "--schedule", "stretch", "--output", tmp_path / "longer")
    assert extended.returncode == 0, extended.stderr
    info = json.loads((only_run(tmp_path / "longer") / "run.json").read_text())
    assert info["pretrained"]["input"]["mean"] == info["data_info"]["mean"] == MEAN
    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    explained = cvkit("explain", folder, tmp_path / "red.png", "--output", tmp_path / "explained")
    assert explained.returncode == 0, explained.stderr
    assert load(folder).predict(tmp_path / "red.png").label


def test_another_run_is_the_start(cvkit, recipe, tmp_path, weights):
    """With the same classes its head is kept; its normalisation is used; a resume does not need it."""
    assert cvkit("run", recipe, "--output", tmp_path / "first").returncode == 0
    first = only_run(tmp_path / "first")
    options = ("--set", f"finetune.from={first}", "--set", "train.max_steps=1", "--set", "optimizer.lr=1e-12")
    done = cvkit("run", recipe, *options, "--output", tmp_path / "second")
    assert done.returncode == 0, done.stderr
    assert f"{first} after step 15" in done.stdout
    second = only_run(tmp_path / "second")
    expected, found = trained(first), trained(second)
    head = [name for name in expected if name.startswith("fc.")]
    assert head
    assert all(torch.allclose(expected[name], found[name], atol=1e-6) for name in head)
    info = json.loads((second / "run.json").read_text())
    assert (info["pretrained"]["new_head"], info["data_info"]["mean"]) == (False, MEAN)
    wrong = cvkit("run", recipe, "--set", "finetune.from=nowhere", "--output", tmp_path / "third")
    assert wrong.returncode == 2
    assert f"finetune.from: '{tmp_path / 'nowhere'}'" in wrong.stderr
    assert not (tmp_path / "third").exists()
