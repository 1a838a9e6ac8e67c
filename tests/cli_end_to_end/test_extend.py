"""`cvkit extend`: epochs added to a run, in a folder of its own, and what becomes of the schedule."""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from commands import Answer, call

from cvkit.engine.assembly import build_parts
from cvkit.host.discovery import discover
from cvkit.recipe import read, read_text, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

RECIPE = """\
name: small
dataset: {name: shapes, train_size: 256, test_size: 30}
model: {name: custom_resnet, width: 8, logit_scale: 1.0}
optimizer: {name: sgd, momentum: 0.9}
scheduler: {name: one_cycle, max_lr: auto, peak_fraction: 0.4}
tuners: [{name: lr_range_test, set: scheduler.max_lr, steps: 60, end_lr: 1.0, orders: 1}]
train: {epochs: 2, batch_size: 32}
report: {misclassified: 0, augmented: 0}
"""
SET_BY_HAND = ("scheduler.max_lr=0.1", "tuners=[]")
Call = Callable[..., Answer]

pytestmark = pytest.mark.usefixtures("one_thread")


def without(text: str, **numbers: float) -> str:
    """Return a text in which learning rates are written as their names, the first that fits."""
    for name, number in numbers.items():
        text = re.sub(rf"(?<![\d.]){re.escape(f'{number:.3g}')}(?![\d])", f"<{name}>", text)
    return text


@pytest.fixture
def extend(capsys) -> Call:
    """Call ``cvkit extend`` in this process; returns its exit code and what it wrote to stdout and stderr."""
    return partial(call, capsys, "extend")


def trained(path: Path, *overrides: str, steps: int | None = None) -> Session:
    """Return the session of a run that was trained to its end, or stopped after so many steps and saved."""
    catalog = discover()
    recipe = resolve(read_text(RECIPE, overrides), catalog)
    session = Session(build_parts(recipe, recipe.dataset.build(path)), RunFolder.create(path, "small"), path, catalog)
    session.start()
    for _ in session.tune():
        pass
    for _ in session.train():
        session.stop = session.step == steps
    if session.stop:
        session.set_status("interrupted")  # as who stops it does
    return session


@pytest.fixture(scope="module")
def tuned(tmp_path_factory) -> Path:
    """A run of two epochs whose learning rate a range test chose."""
    session = trained(tmp_path_factory.mktemp("tuned"))
    session.set_status("finished")
    return session.folder.path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def folder_in(output: str) -> Path:
    return Path(re.search(r"^run folder: (.+)$", output, re.M).group(1))


def test_extended_run_stands_beside_the_one_it_came_from(tuned, extend, wording):
    """That one stays as it is; the new one holds all epochs, what the tuner measured, and where it came from."""
    before = contents(tuned)
    code, out, err = extend(tuned, "--epochs", 4, "--schedule", "again")
    assert code == 0, err
    folder = folder_in(out)
    assert folder.parent == tuned.parent
    assert folder != tuned
    assert contents(tuned) == before
    records, old = RunFolder(folder).records(), RunFolder(tuned).records()
    assert [record.epoch for record in records] == [1, 2, 3, 4]
    assert records[:2] == old
    (continuing,) = [line for line in out.splitlines() if re.search(r"\b16\b.*\b32\b", line)]
    assert continuing == wording(name="continuing")
    for name in ("tuning.json", "figures/tuning_1_lr_range_test.svg"):
        assert (folder / name).read_bytes() == (tuned / name).read_bytes()
    text = (folder / "recipe.yaml").read_text()
    assert "  epochs: 4\n  schedule_epochs: [2, 2]\n" in text
    assert re.search(r"max_lr: \S+  # by onecycle/lr_range_test", text)
    info = RunFolder(folder).info()
    (note,) = info["extended"]
    assert (note["from"], note["after_step"], note["schedule"]) == (str(tuned), 16, "again")
    assert (info["status"], [session["after_step"] for session in info["sessions"]]) == ("finished", [16])
    (in_report,) = re.findall(
        rf".*{re.escape(note['became'])}.*", html.unescape((folder / "report.html").read_text())
    )
    used = {"first": records[2].step_lrs[0], "last": records[1].step_lrs[-1], "end": records[3].step_lrs[-1]}
    assert all(f"{rate:.3g}" in note["became"] for rate in used.values())
    assert note["became"] in out
    said = re.sub("<[^>]*>", "", in_report).replace(tuned.name, "<run>").strip()
    assert without(said, **used) == wording(name="in the report")


def test_without_a_choice_it_says_what_each_would_mean(tuned, extend, wording):
    """In numbers of this very run; nothing is made."""
    folders = sorted(tuned.parent.iterdir())
    code, out, err = extend(tuned, "--epochs", 4)
    assert (code, out) == (2, "")
    told = dict(re.findall(r"^  (\w+): (.*)$", err, re.M))
    last = RunFolder(tuned).records()[-1].step_lrs[-1]
    maximum = resolve(read(tuned / "recipe.yaml"), discover()).value("scheduler.max_lr")
    assert list(told) == ["stretch", "hold", "again"]
    (stretched,) = [
        rate for rate in map(float, re.findall(r"\d\S*\d", told["stretch"])) if maximum / 2 < rate < maximum
    ]
    assert f"{maximum / 25:.3g}" in told["again"]
    assert err.count(f"{last:.3g}") == 2 + 3 + 2
    rates = {"last": last, "first again": maximum / 25, "first of the stretched": stretched}
    assert without(err, **rates).replace(str(tuned), "<run>") == wording
    assert sorted(tuned.parent.iterdir()) == folders


def test_run_stopped_within_an_epoch_goes_on_there(tmp_path, extend, wording):
    """Also one that failed, which is said; the bits are those of the run that was planned so."""
    stopped = trained(tmp_path / "stopped", *SET_BY_HAND, steps=11).folder.path
    folder = RunFolder(stopped)
    folder.write_info(folder.info() | {"status": "failed", "error": "the disk was full"})
    code, out, err = extend(stopped, "--epochs", 3, "--schedule", "hold")
    assert code == 0, err
    assert "the disk was full" in err
    assert re.search(r"\b11\b.*\b24\b", out)
    whole = trained(tmp_path / "whole", *SET_BY_HAND, "train.epochs=3", "train.schedule_epochs=[2]").folder.path
    state, expected = (RunFolder(path).newest_state()[0] for path in (folder_in(out), whole))
    assert state["step"] == expected["step"] == 24
    assert all(torch.equal(state["model"][name], tensor) for name, tensor in expected["model"].items())
    assert "error" not in RunFolder(folder_in(out)).info()
    code, _, err = extend(folder_in(out), "--epochs", 4, "--schedule", "again")
    assert code == 2
    assert err.replace(str(folder_in(out)), "<run>") == wording


def test_folder_of_the_run_is_no_place_for_the_extended_one(tuned, extend, wording):
    """It stays as it is."""
    code, _, err = extend(tuned, "--epochs", 4, "--schedule", "hold", "--output", tuned / "inner")
    assert code == 2
    assert err.replace(str(tuned), "<run>") == wording
    assert not (tuned / "inner").exists()


def test_what_cannot_be_extended_is_refused_with_the_reason(tuned, tmp_path, extend, wording):
    """Exit 2, no new folder, the old one as it was."""
    before = contents(tuned.parent)
    code, _, err = extend(tuned, "--epochs", 2, "--schedule", "hold")
    assert code == 2
    assert err.replace(str(tuned), "<run>") == wording(name="no more epochs")
    code, _, err = extend(tmp_path, "--epochs", 4, "--schedule", "hold")
    assert code == 2
    assert err == wording(name="no run")
    one = tmp_path / "one"
    shutil.copytree(tuned, one)
    shutil.rmtree(one / "checkpoints")
    code, _, err = extend(one, "--epochs", 4, "--schedule", "hold")
    assert code == 2
    assert err == wording(name="no checkpoint")
    text = (one / "recipe.yaml").read_text()
    (one / "recipe.yaml").write_text(text.replace("max_steps: null", "max_steps: 11"))
    code, _, err = extend(one, "--epochs", 4, "--schedule", "hold")
    assert code == 2
    assert "train.max_steps" in err
    assert err == wording(name="ended by steps")
    assert contents(tuned.parent) == before
    assert sorted(tmp_path.iterdir()) == [one]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("run.json", b"[1]", "list"),
        ("run.json", b"\xff", "utf-8"),
        ("run.json", b'{"sessions": [{}]}', "sessions.0.after_step"),
        ("run.json", b'{"name": "a", "name": "b"}', "'name'"),
        ("tuning.json", b'[{"tuner', "line 1 column 3"),
        ("tuning.json", b"null", ""),
    ],
)
def test_damaged_file_is_named_before_a_folder_is_made(tuned, tmp_path, extend, name, content, why):
    """Where the checkpoint is an earlier version's, which has no copies: with what to do, and not by a traceback."""
    one = tmp_path / "one"
    shutil.copytree(tuned, one)
    state, _ = RunFolder(one).newest_state()
    shutil.rmtree(one / "checkpoints")
    RunFolder(one).save(state["step"], {key: value for key, value in state.items() if key != "kept"})
    (one / name).write_bytes(content)
    code, _, err = extend(one, "--epochs", 4, "--schedule", "hold")
    assert code == 2
    assert f"'{one / name}'" in err
    assert f"cvkit run {one / 'recipe.yaml'}" in err
    assert why in err
    assert sorted(tmp_path.iterdir()) == [one]


def test_choice_that_the_scheduler_cannot_make_is_told_as_such(tmp_path, extend, wording):
    """One cycle with its peak at the end of epoch 2 has no room in one epoch more; the other choices stand."""
    peaked = trained(tmp_path, *SET_BY_HAND, "scheduler.peak_epoch=1.5", steps=3).folder.path
    _, _, err = extend(peaked, "--epochs", 3)
    told = dict(re.findall(r"^  (\w+): (.*)$", err, re.M))
    assert "one_cycle" in told["again"]
    assert "one_cycle" not in told["stretch"] + told["hold"]
    assert err.replace(str(peaked), "<run>") == wording
    code, _, err = extend(peaked, "--epochs", 3, "--schedule", "again")
    assert (code, len(list(tmp_path.iterdir()))) == (2, 1)
    assert json.loads((peaked / "run.json").read_text())["status"] == "interrupted"


def test_run_that_stopped_early_trains_on(extend, tmp_path):
    """More epochs are asked for, so the epochs without a better value are counted from 0 again."""
    chooses = ("dataset.validation_size=20", "selection.patience=1", "selection.min_change=0.99", "train.epochs=4")
    session = trained(tmp_path, *SET_BY_HAND, *chooses)
    session.report()
    session.folder.unlock()
    assert len(session.folder.records()) == 2
    answer = extend(session.folder.path, "--epochs", "6", "--schedule", "hold")
    assert answer.code == 0, answer.err
    assert [record.epoch for record in RunFolder(folder_in(answer.out)).records()] == [1, 2, 3]
