"""Exit codes: 2 where nothing was started, 1 where work that had started failed."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from commands import Answer
from PIL import Image

import cvkit
from cvkit.cli import COMMANDS, main
from cvkit.files.locked_folder import LockedFolder

PLUGIN = '''
"""Components that fail where $TROUBLE says, which is a place and the number of the call that fails."""

import os

import torch
from torch import nn

from cvkit import Component, DataError, hookimpl

ran = {"started": False, "calls": 0}


def reach(place, error):
    where, _, number = os.environ.get("TROUBLE", "").partition(":")
    if where == place:
        ran["calls"] += 1
        if ran["calls"] >= int(number):
            raise error


@hookimpl
def cvkit_models():
    yield Component("linear", "fragile:Linear", "One layer")


@hookimpl
def cvkit_explainers():
    yield Component("flat", "fragile:flat", "The same everywhere")


@hookimpl
def cvkit_run_started(recipe):
    ran["started"] = True


class Linear(nn.Module):
    def __init__(self, info):
        super().__init__()
        reach("building", MemoryError())
        self.layer = nn.Linear(info.channels * info.height * info.width, info.num_classes)

    def forward(self, images):
        if ran["started"] and self.training:
            reach("training", DataError("image 7 is damaged"))
            reach("out of memory", MemoryError())
        if not ran["started"] and not self.training:
            reach("predicting", DataError("image 3 is too large"))
        if ran["started"] and not self.training:
            reach("evaluating", DataError("image 9 is damaged"))
        return self.layer(images.flatten(1))


def flat(model):
    def explain(images, targets):
        reach("explaining", ValueError("no map"))
        return torch.ones(len(images), *images.shape[-2:])

    return explain
'''
RECIPE = """\
name: fragile
dataset: {name: shapes, train_size: 32, test_size: 40, validation_size: 8}
model: fragile/linear
optimizer: {name: sgd, lr: 0.01}
explainers: []
train: {epochs: 2, batch_size: 8, checkpoint_every: 1, device: cpu}
report: {misclassified: 1, augmented: 0}
"""
NO_RATE = "{name: lr_range_test, set: optimizer.lr, start_lr: 1e-9, end_lr: 1e-8, steps: 20, orders: 1}"
ABSENT = ("--set", "train.device=cuda:77")
FEW = ("--set", "train.batch_size=33")

HOLD = ("--schedule", "hold")
SWEEP = ("--set", f"tuners=[{NO_RATE}]")

NOTHING_STARTED = [  # the command, its options, where a component fails, and a part of the message
    ("run recipe.yaml", ABSENT, "", "cuda:77"),
    ("run recipe.yaml", FEW, "", "33"),
    ("run recipe.yaml", ("--set", "optimizer.lr=-1"), "", "optimizer.lr"),
    ("run recipe.yaml", ("--set", "model.widht=1"), "", "widht"),
    ("run recipe.yaml", ("--output", "file/runs"), "", "file/runs"),
    ("run recipe.yaml", (), "building:1", "memory"),
    ("resume empty", (), "", "recipe.yaml"),
    ("resume locked", (), "", "locked"),
    ("resume lost", (), "", "checkpoints"),
    ("resume changed", (), "", "0.02"),
    ("resume stopped", (), "building:1", "memory"),
    ("finish empty", (), "", "recipe.yaml"),
    ("finish lost", (), "", "checkpoints"),
    ("extend empty --epochs 3", HOLD, "", "recipe.yaml"),
    ("extend lost --epochs 3", HOLD, "", "checkpoint"),
    ("extend stopped --epochs 2", HOLD, "", "--epochs"),
    ("extend stopped --epochs 3", (*HOLD, "--output", "file/runs"), "", "file/runs"),
    ("extend stopped --epochs 3", (), "", "--schedule"),
    ("explain empty", (), "", "recipe.yaml"),
    ("explain lost", (), "", "checkpoint"),
    ("explain stopped --method flat", ("--output", "taken"), "", "notes.txt"),
    ("explain stopped --method flat", ("--output", "stopped"), "", "inside"),
    ("explain stopped --method flat", ("--against", "ring"), "", "against"),
    ("explain stopped text.png --method flat", (), "", "text.png"),
    ("explain stopped --method flat", (), "explaining:1", "no map"),
    ("predict empty text.png", (), "", "recipe.yaml"),
    ("predict lost text.png", (), "", "checkpoint"),
    ("predict stopped nowhere.png", (), "", "nowhere.png"),
    ("predict stopped text.png --output recipe.csv --resume --top 0", (), "", "--top"),
    ("predict stopped text.png --output file/p.csv", (), "", "file"),
    ("calibrate empty", (), "", "recipe.yaml"),
    ("calibrate lost", (), "", "checkpoint"),
    ("calibrate locked", (), "", "locked"),
    ("calibrate later", ("--coverage", "0.5", "--foreign", "empty"), "", "no images"),
    ("evaluate empty", (), "", "recipe.yaml"),
    ("evaluate lost", (), "", "checkpoint"),
    ("evaluate stopped", ("--output", "stopped"), "", "inside"),
    ("evaluate stopped --data nowhere", (), "", "nowhere"),
    ("lr-find recipe.yaml", ABSENT, "", "cuda:77"),
    ("lr-find recipe.yaml", FEW, "", "33"),
    ("lr-find recipe.yaml", ("--output", "taken"), "", "notes.txt"),
    ("lr-find recipe.yaml", (*SWEEP, "--set", "tuners.0.start_lr=1"), "", "start_lr"),
    ("preview recipe.yaml", ABSENT, "", "cuda:77"),
    ("preview recipe.yaml", FEW, "", "33"),
    ("preview recipe.yaml", ("--output", "taken"), "", "notes.txt"),
    ("preview recipe.yaml", ("--set", "train.epochs=1000000"), "", "max_steps"),
    ("check recipe.yaml", ("--set", "model.widht=1"), "", "widht"),
    ("check nowhere.yaml", (), "", "nowhere.yaml"),
]
FAILED = [
    ("run recipe.yaml", (), "training:3", "image 7"),
    ("run recipe.yaml", (), "out of memory:3", "memory"),
    ("run recipe.yaml", ("--set", "optimizer.lr=1e38"), "", "1e+38"),
    ("run recipe.yaml", ("--set", "optimizer.lr=auto", *SWEEP), "", "proposes no value for optimizer.lr"),
    ("resume stopped", (), "training:1", "image 7"),
    ("finish later", (), "evaluating:1", "image 9"),
    ("extend stopped --epochs 3", HOLD, "training:1", "image 7"),
    ("explain stopped --method flat", ("--count", "40"), "explaining:2", "no map"),
    ("predict stopped a.png b.png --batch-size 1", (), "predicting:2", "image 3 is too large"),
    ("calibrate stopped", ("--error-rate", "0.01"), "", "lowest"),
    ("evaluate stopped", ("--output", "file/found"), "", "file/found"),
    ("lr-find recipe.yaml", SWEEP, "", "optimizer.lr"),
    ("lr-find recipe.yaml", (*SWEEP, "--output", "file/found"), "", "file/found"),
    ("preview recipe.yaml", ("--output", "file/previews"), "", "file/previews"),
]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, unrendered) -> Iterator[Path]:
    """A folder with the plugin, a run that failed in its first epoch, and one that failed in its second."""
    folder = tmp_path_factory.mktemp("stopped")
    plugin = folder / "fragile.py"
    plugin.write_text(PLUGIN)
    (folder / "recipe.yaml").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setattr(sys, "argv", ["cvkit", "run", "recipe.yaml", "--plugin-path", str(plugin)])
        for name, step in (("stopped", 3), ("later", 7)):
            patched.setenv("TROUBLE", f"training:{step}")
            if "fragile" in sys.modules:
                sys.modules["fragile"].ran.update(started=False, calls=0)
            with pytest.raises(SystemExit):
                main()
            (run,) = (folder / "runs").iterdir()
            run.rename(folder / name)
            (folder / "runs").rmdir()
    yield folder
    sys.modules.pop("fragile", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(folder)]


@pytest.fixture
def command(cvkit, stopped, tmp_path, monkeypatch, one_thread) -> Iterator[Callable[..., Answer]]:
    """Call a command in a folder with runs and obstacles, while the components fail at a place."""
    monkeypatch.chdir(tmp_path)
    Path("recipe.yaml").write_text(RECIPE)
    for copy in ("stopped", "lost", "locked", "changed"):
        shutil.copytree(stopped / "stopped", copy)
    shutil.copytree(stopped / "later", "later")
    shutil.rmtree("lost/checkpoints")
    changed = Path("changed/recipe.yaml")
    changed.write_text(changed.read_text().replace("lr: 0.01", "lr: 0.02"))
    Path("empty").mkdir()
    for taken in ("stopped", "fragile", "preview-fragile"):
        Path("taken", taken).mkdir(parents=True)
        Path("taken", taken, "notes.txt").write_text("mine")
    for file in ("a.png", "b.png"):
        Image.new("RGB", (32, 32)).save(file)
    for file in ("file", "text.png"):
        Path(file).write_text("no folder and no image")

    def call(line: str, options: tuple[str, ...], trouble: str) -> Answer:
        monkeypatch.setenv("TROUBLE", trouble)
        if "fragile" in sys.modules:
            sys.modules["fragile"].ran.update(started=False, calls=0)
        return cvkit(*line.split(), *options, "--plugin-path", stopped / "fragile.py")

    lock = LockedFolder(Path("locked"))
    lock.lock()
    yield call
    lock.unlock()


def files(folder: Path) -> dict[Path, bytes]:
    """What every file in a folder contains."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.mark.parametrize(("line", "options", "trouble", "named"), NOTHING_STARTED)
def test_exit_code_is_2_where_nothing_was_started(command, tmp_path, line, options, trouble, named):
    """The recipe, the options, the data, a folder or the machine has to change; no run or result was made."""
    before = files(tmp_path)
    answer = command(line, options, trouble)
    assert answer.code == 2, answer.err
    assert named in answer.err
    assert "Traceback" not in answer.err
    assert files(tmp_path) == before


@pytest.mark.parametrize(("line", "options", "trouble", "named"), FAILED)
def test_exit_code_is_1_where_work_that_had_started_failed(command, line, options, trouble, named):
    """Whatever the class of the error is."""
    answer = command(line, options, trouble)
    assert answer.code == 1, answer.err
    assert named in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize(
    "line",
    [
        "resume stopped",
        "extend stopped --epochs 3 --schedule hold",
        "explain stopped --method flat",
        "calibrate later",
    ],
)
def test_exit_code_is_0_without_the_trouble(command, line):
    """So it is the trouble that the codes above tell."""
    assert command(line, (), "").code == 0


def test_each_command_that_works_is_tried_in_both_ways():
    """And the page on recipes has a row for each; `check` starts nothing."""
    tried, failed = ({line.split()[0] for line, *_ in cases} for cases in (NOTHING_STARTED, FAILED))
    assert tried == failed | {"check"} <= {*COMMANDS}
    page = (Path(cvkit.__file__).parents[1] / "docs" / "recipes.md").read_text()
    (section,) = re.findall(r"^## Exit codes\n(.*?)^## ", page, flags=re.M | re.S)
    rows = re.findall(r"^\| (`[a-z].*?) \|", section, flags=re.M)
    assert set(re.findall(r"`([a-z-]+)`", " ".join(rows))) == tried


@pytest.mark.parametrize("error", [cvkit.RunError, cvkit.DataError, cvkit.DivergedError, MemoryError])
def test_class_of_an_error_does_not_decide_the_code(cvkit, error):
    """Before any work, each is 2."""
    with patch("cvkit.cli.list.load_catalog", side_effect=error("no")):
        assert cvkit("list").code == 2
