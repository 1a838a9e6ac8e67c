"""`cvkit run` and `cvkit resume` in several processes, as ``torchrun`` starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from divided import RECIPE, STEPS, weights
from photos import photo
from PIL import Image
from worlds import Commands

from cvkit.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("warm", "unrendered")

FRAGILE = """
import os

import torch
from cvkit import Component, hookimpl, progress
from torch import nn


@hookimpl
def cvkit_models():
    yield Component("fragile", "fragile:Fragile", "Fails in one of several processes")


class Fragile(nn.Module):
    def __init__(self, info):
        super().__init__()
        self.layer = nn.Linear(info.channels, info.num_classes)

    def forward(self, images):
        if self.training and os.environ.get("RANK") == "1" and progress().step == 3:
            raise ValueError("a wire broke")
        return self.layer(images.mean(dim=(2, 3)))
"""


@pytest.fixture
def recipe(tmp_path) -> Path:
    path = tmp_path / "divided.yaml"
    path.write_text(RECIPE)
    return path


def folder_in(path: Path) -> RunFolder:
    """Return the only run folder in `path`."""
    (found,) = (path / "runs").iterdir()
    return RunFolder(found)


def until_saved(folder: Path, steps: int) -> None:
    """Wait until a run in `folder` has a checkpoint of so many steps or more."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for path in folder.glob("runs/*/checkpoints/step-*"):
            if int(path.name.removeprefix("step-")) >= steps:
                return
        time.sleep(0.02)
    raise AssertionError("the run has saved nothing")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> RunFolder:
    """Return the folder of a run that two processes trained to its end."""
    place = tmp_path_factory.mktemp("uninterrupted")
    (place / "divided.yaml").write_text(RECIPE)
    first, second = Commands(2, "run", "divided.yaml", cwd=place).finish()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "2 processes train together" in first.stdout
    assert second.stdout == second.stderr == ""
    return folder_in(place)


def test_the_first_process_writes_one_folder_with_everything(uninterrupted):
    """It has a report, and says how many processes trained it; the others write nothing."""
    info = uninterrupted.info()
    assert info["status"] == "finished"
    assert info["environment"]["processes"] == 2
    assert uninterrupted.report_path.is_file()
    assert len(uninterrupted.records()) == 2


@pytest.mark.parametrize("killed", [(1,), (0, 1)])
def test_a_run_that_is_killed_continues_with_the_same_bits(killed, uninterrupted, recipe, tmp_path, same):
    """Whichever process is killed, the others end, and as many processes lead to the same weights and records."""
    commands = Commands(2, "run", recipe, cwd=tmp_path)
    until_saved(tmp_path, 3)
    for rank in killed:
        os.kill(commands.each[rank].pid, signal.SIGKILL)
    done = commands.finish()
    for rank, command in enumerate(done):
        assert command.returncode == (-signal.SIGKILL if rank in killed else 1), command.stderr
    if killed == (1,):
        assert "without a message" in done[0].stderr
        assert "cvkit resume" in done[0].stderr
    folder = folder_in(tmp_path)
    assert folder.newest_state()[0]["step"] < STEPS
    for command in Commands(2, "resume", folder.path, cwd=tmp_path).finish():
        assert command.returncode == 0, command.stderr
    same(weights(folder), weights(uninterrupted))
    timeless = [
        [record.to_json() | {"seconds": 0, "images_per_second": 0} for record in each.records()]
        for each in (folder, uninterrupted)
    ]
    assert timeless[0] == timeless[1]
    assert (folder.path / "predictions.csv").read_bytes() == (uninterrupted.path / "predictions.csv").read_bytes()


@pytest.mark.parametrize("size", [1, 3])
def test_a_run_continues_in_another_number_of_processes(size, recipe, tmp_path):
    """It says so, takes the steps that are left and reports."""
    commands = Commands(2, "run", recipe, cwd=tmp_path)
    until_saved(tmp_path, 4)
    os.kill(commands.each[1].pid, signal.SIGTERM)
    for command in commands.finish():
        assert command.returncode == 128 + signal.SIGTERM, command.stderr
    folder = folder_in(tmp_path)
    assert folder.info()["status"] == "interrupted"
    words = ["resume", folder.path] if size == 1 else ["run", recipe, "--resume"]
    first, *others = Commands(size, *words, cwd=tmp_path).finish()
    assert {first.returncode, *(other.returncode for other in others)} == {0}, first.stderr
    assert f"processes was 2 when the run began and is {size} now" in first.stderr
    assert folder.newest_state()[0]["step"] == STEPS
    assert [record.epoch for record in folder.records()] == [1, 2]


def test_a_signal_to_one_process_stops_all_of_them_once(recipe, tmp_path):
    """All have taken the same steps, and only the first one says what it saved."""
    commands = Commands(3, "run", recipe, cwd=tmp_path)
    until_saved(tmp_path, 2)
    os.kill(commands.each[2].pid, signal.SIGINT)
    first, *others = commands.finish()
    assert [first.returncode, *(other.returncode for other in others)] == [128 + signal.SIGINT] * 3, first.stderr
    assert first.stderr.count("stopped and saved after step") == 1
    assert [other.stderr for other in others] == ["", ""]


def test_an_error_in_one_process_ends_all_with_its_message(recipe, tmp_path):
    """The first process shows it, and the run can be continued after it is fixed."""
    (tmp_path / "fragile.py").write_text(FRAGILE)
    first, second = Commands(
        2, "run", recipe, "--set", "model=fragile", "--plugin-path", tmp_path / "fragile.py", cwd=tmp_path
    ).finish()
    assert (first.returncode, second.returncode) == (1, 1), first.stderr
    assert "process 1 of 2" in first.stderr
    assert "a wire broke" in first.stderr
    assert second.stderr == ""
    info = json.loads((folder_in(tmp_path).path / "run.json").read_text())
    assert info["status"] == "failed"
    assert "a wire broke" in info["error"]


def test_a_damaged_image_of_one_process_ends_all_with_its_name(recipe, tmp_path):
    """The image is damaged during training, and only one process evaluates it."""
    for number in range(16):
        place = tmp_path / "photos" / ("test" if number % 4 == 3 else "train") / f"class_{number % 2}_{number // 8}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(number).permute(1, 2, 0).numpy()).save(place / f"{number}.png")
    changes = ["dataset={name: image_folder, path: photos, size: 32}", "train.batch_size=2", "train.workers=0"]
    options = [word for change in changes for word in ("--set", change)]
    commands = Commands(2, "run", recipe, *options, cwd=tmp_path)
    until_saved(tmp_path, 1)
    *_, last = sorted((tmp_path / "photos" / "test").rglob("*.png"))  # in the last batch, which process 1 has
    last.write_bytes(last.read_bytes()[:-400])
    first, second = commands.finish()
    assert (first.returncode, second.returncode) == (1, 1), first.stderr
    assert "process 1 of 2" in first.stderr
    assert last.name in first.stderr
    assert second.stderr == ""


def test_a_process_that_does_not_answer_ends_the_others(recipe, tmp_path, monkeypatch):
    """After the deadline, so that a run does not occupy its devices for ever."""
    monkeypatch.setenv("CVKIT_DEADLINE", "4")
    commands = Commands(2, "run", recipe, cwd=tmp_path)
    until_saved(tmp_path, 1)
    os.kill(commands.each[1].pid, signal.SIGSTOP)
    first = commands.each[0].finish()
    os.kill(commands.each[1].pid, signal.SIGKILL)
    assert first.returncode == 1, first.stderr
    assert "did not answer" in first.stderr
    assert folder_in(tmp_path).info()["status"] == "interrupted"


def test_a_mistake_in_a_recipe_is_shown_once(recipe, tmp_path):
    """Every process finds it, and nothing is started."""
    done = Commands(2, "run", recipe, "--set", "train.epochs=0", cwd=tmp_path).finish()
    assert [command.returncode for command in done] == [2, 2]
    assert "train.epochs" in done[0].stderr
    assert done[1].stderr == ""
    assert not (tmp_path / "runs").exists()


def test_another_command_is_refused_in_several_processes(tmp_path):
    """Each of them would do all of the work and write the same files."""
    done = Commands(2, "evaluate", "run", cwd=tmp_path).finish()
    assert [command.returncode for command in done] == [2, 2]
    assert "without torchrun" in done[0].stderr
    assert done[1].stderr == ""


def test_torchrun_starts_a_run(recipe, tmp_path):
    """With the module's own command line, as users start it."""
    call = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    call += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", "cvkit"]
    done = subprocess.run(
        [*call, "run", str(recipe), "--set", "train.epochs=1"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert folder_in(tmp_path).info()["status"] == "finished"
