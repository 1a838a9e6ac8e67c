"""Plugins chosen on the command line, and what a run remembers of the code it used."""

from __future__ import annotations

import html
import json
import re
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
DIGEST = re.compile(r"\b[0-9a-f]{12,64}\b")
RECIPE = """\
name: mine
dataset: {name: shapes, train_size: 32, test_size: 20}
model: {name: linear, bias: false}
optimizer: {name: sgd, lr: 0.01}
train: {epochs: 2, batch_size: 16}
report: {misclassified: 0, augmented: 0}
"""


def of_changed_code(said: str) -> list[str]:
    """Return the lines of what was said that tell two digests of the plugin apart."""
    return [line for line in said.splitlines() if len(set(DIGEST.findall(line))) == 2]


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a model in a file and a recipe that names it."""
    (tmp_path / "my_model.py").write_text(MODEL)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


def test_model_in_a_file_is_checked_trained_and_remembered(folder, cvkit, wording):
    """The whole way: check, run, resume without the file, with it, with another one in its place."""
    checked = cvkit("check", "mine.yaml", "--plugin-path", "my_model.py")
    assert checked.returncode == 0
    assert checked.stderr == wording(name="deprecated")

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
    assert without.returncode == 2
    assert f"--plugin-path {folder / 'my_model.py'}" in without.stderr
    assert "Traceback" not in without.stderr
    assert without.stderr.replace(str(run), "<run>") == wording(name="without the file")

    (folder / "my_model.py").write_text(MODEL.replace("One linear layer.", "A linear layer."))
    changed = cvkit("resume", run, "--plugin-path", "my_model.py")
    assert changed.returncode == 0, changed.stderr
    at_once, told = (line.removeprefix("warning: ") for line in of_changed_code(changed.stderr))
    assert model["source"].startswith(DIGEST.findall(at_once)[0])
    assert DIGEST.sub("<digest>", at_once) == wording(name="changed file")
    assert DIGEST.sub("<digest>", told) == wording(name="changed file, in the report")
    assert told in html.unescape((run / "report.html").read_text())

    (folder / "my_model.py").write_text(MODEL)
    finished = cvkit("resume", run, "--plugin-path", "my_model.py")
    assert finished.stdout.replace(str(run), "<run>") == wording(name="finished")
    assert not of_changed_code(finished.stderr), "it is what the run began with"


def test_code_that_changed_is_told_before_it_is_found_not_to_fit(folder, cvkit):
    """If an option was removed or weights have another shape, the changed plugin is the cause and is named first."""
    assert cvkit("run", "mine.yaml", "--plugin-path", "my_model.py").returncode == 0
    (run,) = (folder / "runs").iterdir()
    info = json.loads((run / "run.json").read_text())
    for old, new in (("bias: bool = True", "biased: bool = True"), ("nn.Flatten()", "nn.MaxPool2d(2), nn.Flatten()")):
        (run / "run.json").write_text(json.dumps(info | {"status": "interrupted"}))
        (folder / "my_model.py").write_text(MODEL.replace(old, new))
        done = cvkit("resume", run, "--plugin-path", "my_model.py")
        assert done.returncode != 0
        *before, _ = done.stderr.splitlines()
        assert of_changed_code("\n".join(before))
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), "linear"),
        (("--plugin-path", "my_modle.py"), "my_modle.py"),
        (("--plugin-path", "mine.yaml"), "mine.yaml"),
        (("--plugin-path", "my_model.py", "--no-plugin", "datasets"), "datasets"),
        (("--plugin-path", "my_model.py", "--no-plugin", "tim"), "tim"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_slips_in_the_choice_of_plugins_are_told_without_a_traceback(folder, cvkit, options, name, wording):
    """Nothing is started, and the message says what would be right."""
    done = cvkit("check", "mine.yaml", *options)
    assert f"'{name}'" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if "tim" in options else 2)
    assert done.stderr == wording
