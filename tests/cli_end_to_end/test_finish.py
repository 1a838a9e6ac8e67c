"""`cvkit finish`: a run that was stopped is evaluated and reported as it is, and can still be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from commands import Answer, call

from cvkit import EpochRecord, build_parts, discover, resolve
from cvkit.recipe import read_text
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

RECIPE = """\
name: small
dataset: {name: shapes, train_size: 64, validation_size: 20, test_size: 30}
model: {name: custom_resnet, width: 2}
optimizer: {name: sgd, lr: 0.05}
train: {epochs: 4, batch_size: 16}
selection: {metric: loss, goal: max, keep_best: true}
report: {misclassified: 0, augmented: 0}
"""

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def cvkit(capsys) -> Callable[..., Answer]:
    """Call a command in this process; returns its exit code and what it wrote."""
    return partial(call, capsys)


def stopped(path: Path, *, after: int, overrides: tuple[str, ...] = ()) -> RunFolder:
    """Return a run that was stopped and saved after so many epochs, or in the first one for 0."""
    catalog = discover()
    recipe = resolve(read_text(RECIPE, overrides), catalog)
    folder = RunFolder.create(path, "small")
    session = Session(build_parts(recipe, recipe.dataset.build(path)), folder, path, catalog)
    session.start()
    for event in session.train():
        if after == 0 or (isinstance(event, EpochRecord) and event.epoch == after):
            session.stop = True
    session.set_status("interrupted")
    folder.unlock()
    return folder


def test_stopped_run_is_evaluated_and_reported(cvkit, tmp_path):
    """With the chosen weights, on the test images, without another step."""
    folder = stopped(tmp_path, after=2)
    answer = cvkit("finish", folder.path)
    assert answer.code == 0, answer.err
    assert "reporting on the run as it is, after epoch 2 of 4" in answer.out
    assert "continuing after" not in answer.out
    best = max(folder.records(), key=lambda record: record.loss)
    assert f"test accuracy with the weights of epoch {best.epoch}: " in answer.out
    assert [record.epoch for record in folder.records()] == [1, 2]
    info = folder.info()
    assert (info["status"], info["finished_early"]) == ("finished", True)
    assert len(folder.path.joinpath("predictions.csv").read_text().splitlines()) == 31
    assert "Training was stopped after 8 of 16 planned steps" in folder.report_path.read_text()


def test_finished_run_can_still_be_resumed(cvkit, tmp_path):
    """And then equals the run that was never stopped."""
    folder, whole = stopped(tmp_path / "a", after=2), stopped(tmp_path / "b", after=4)
    assert cvkit("finish", folder.path).code == 0
    answer = cvkit("resume", folder.path)
    assert answer.code == 0, answer.err
    losses = [[record.step_losses for record in run.records()] for run in (folder, whole)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 4
    assert "finished_early" not in json.loads((folder.path / "run.json").read_text())


def test_run_that_cannot_be_finished_is_refused(cvkit, tmp_path, wording):
    """One without a whole epoch, and one that is finished."""
    told = {}
    early, done = stopped(tmp_path / "early", after=0), stopped(tmp_path / "done", after=1)
    assert cvkit("finish", done.path).code == 0
    for name, folder in (("early", early), ("done", done)):
        answer = cvkit("finish", folder.path)
        assert answer.code == 2
        told[name] = answer.err.replace(str(folder.path), "<run>")
    assert told == wording
