"""Plugins chosen on the command line, and what a run remembers of the code it used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

MODEL = '''
"""One linear layer."""

from torch import nn

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models():
    yield Component("linear", "my_model:linear", "One linear layer", deprecated="use custom_resnet instead")


def linear(info, *, bias: bool = True):
    """Build the layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(info.channels * info.height * info.width, info.num_classes, bias))
'''
RECIPE = """\
name: mine
dataset: {name: shapes, train_size: 32, test_size: 20}
model: {name: linear, bias: false}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 2, batch_size: 16}
report: {misclassified: 0, augmented: 0}
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a model in a file and a recipe that names it."""
    (tmp_path / "my_model.py").write_text(MODEL)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def test_model_in_a_file_is_checked_trained_and_remembered(folder, cvkit):
    """The whole way: check, run, resume without the file, with it, with another one in its place."""
    checked = cvkit("check", "mine.yaml", "--plugin-path", "my_model.py")
    assert checked.returncode == 0
    assert "warning: model 'my_model/linear' is deprecated: use custom_resnet instead" in checked.stderr

    ran = cvkit("run", "mine.yaml", "--plugin-path", "./my_model.py", "--no-plugin", "timm")
    assert ran.returncode == 0, ran.stderr
    (run,) = (folder / "runs").iterdir()
    info = json.loads((run / "run.json").read_text())
    model = next(component for component in info["components"] if component["place"] == "model")
    assert model["file"] == str(folder / "my_model.py")
    assert (model["id"], model["distribution"], model["version"]) == ("my_model/linear", "file", "local")
    assert len(model["source"]) == 64
    assert "disable: [timm]" in (run / "recipe.yaml").read_text()

    (run / "run.json").write_text(json.dumps(info | {"status": "interrupted"}))
    without = cvkit("resume", run)
    assert without.returncode == 1
    assert f"plugin 'my_model' was loaded from a file: add --plugin-path {folder / 'my_model.py'}" in without.stderr
    assert "Traceback" not in without.stderr

    (folder / "my_model.py").write_text(MODEL.replace("One linear layer.", "A linear layer."))
    changed = cvkit("resume", run, "--plugin-path", "my_model.py")
    assert changed.returncode == 0, changed.stderr
    warning = f"warning: the source of plugin 'my_model' ({folder / 'my_model.py'}) has changed: its SHA-256 was "
    assert changed.stderr.count(warning) == 1
    assert f"To get it back: put the code of that time in {folder / 'my_model.py'}" in changed.stderr
    assert "after step 4: the source of plugin" in (run / "report.html").read_text()

    (folder / "my_model.py").write_text(MODEL)
    finished = cvkit("resume", run, "--plugin-path", "my_model.py")
    assert finished.stdout.startswith("this run has finished; report: ")
    assert "has changed" not in finished.stderr, "it is what the run began with"


def test_code_that_changed_is_told_before_it_is_found_not_to_fit(folder, cvkit):
    """An option that is gone, and weights of another shape: the change is why, so it is told first."""
    assert cvkit("run", "mine.yaml", "--plugin-path", "my_model.py").returncode == 0
    (run,) = (folder / "runs").iterdir()
    info = json.loads((run / "run.json").read_text())
    for old, new in (("bias: bool = True", "biased: bool = True"), ("nn.Flatten()", "nn.MaxPool2d(2), nn.Flatten()")):
        (run / "run.json").write_text(json.dumps(info | {"status": "interrupted"}))
        (folder / "my_model.py").write_text(MODEL.replace(old, new))
        done = cvkit("resume", run, "--plugin-path", "my_model.py")
        assert done.returncode != 0
        assert "has changed: its SHA-256 was" in done.stderr.partition("\n")[0] + done.stderr.partition("\n")[2]
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "unknown model 'linear'"),
        (
            ("--plugin-path", "my_modle.py"),
            "there is no plugin at 'my_modle.py': name a .py file",
        ),
        (("--plugin-path", "mine.yaml"), "'mine.yaml' cannot be a plugin"),
        (("--plugin-path", "my_model.py", "--no-plugin", "datasets"), "plugin 'datasets' disabled by --no-plugin"),
        (
            ("--plugin-path", "my_model.py", "--no-plugin", "tim"),
            "no plugin 'tim' is installed, so it cannot be",
        ),
    ],
)
def test_slips_in_the_choice_of_plugins_are_told_without_a_traceback(folder, cvkit, options, words):
    """Nothing is started, and the message says what would be right."""
    done = cvkit("check", "mine.yaml", *options)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if "tim" in options else 2)
