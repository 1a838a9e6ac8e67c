"""Whatever moment a run is killed at, going on leads to the same bits as never having been killed."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import pytest
import torch
from forks import in_a_fork

from cvkit.engine.assembly import build_parts
from cvkit.engine.trainer import Step
from cvkit.host.discovery import discover
from cvkit.recipe import read, resolve
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session

pytestmark = pytest.mark.usefixtures("warm")
STEPS = 24  # of the small recipe: 3 epochs of 8
LEARNS_FAST = (
    "dataset.train_size=256",
    "train.batch_size=32",
    "model={name: custom_resnet, width: 8, logit_scale: 1.0}",
)
TUNED = (
    *LEARNS_FAST,
    "scheduler.max_lr=auto",
    "tuners=[{name: lr_range_test, set: scheduler.max_lr, steps: 60, end_lr: 1.0, orders: 1}]",
)


def session_in(path: Path, recipe: Path, overrides: tuple[str, ...] = ()) -> Session:
    """Return a session of `recipe`, or of the folder's own recipe where there is one, in the folder `path`."""
    path.mkdir(exist_ok=True)
    folder = RunFolder(path)
    catalog = discover()
    found = folder.recipe_path if folder.recipe_path.is_file() else recipe
    overrides = () if found == folder.recipe_path else overrides
    recipe = resolve(read(found, overrides), catalog)
    return Session(build_parts(recipe, recipe.dataset.build(path)), folder, path, catalog)


def carry_out(session: Session, after_step=lambda step: None) -> None:
    session.start()
    for _ in session.tune():
        pass
    for event in session.train():
        if isinstance(event, Step):
            after_step(event.step)
    session.report()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def outcome(path: Path) -> tuple[dict, list, list]:
    """Return the final state, the records without their timings, and the files of the folder."""
    state, damaged = RunFolder(path).newest_state()
    assert damaged == []
    records = [r.to_json() | {"seconds": 0, "images_per_second": 0} for r in RunFolder(path).records()]
    files = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    files = [file for file in files if not file.startswith("tensorboard/")]  # which begins one each session
    return state, records, files


def assert_same_outcome(one: Path, other: Path) -> None:
    (state, records, files), (expected, expected_records, expected_files) = outcome(one), outcome(other)
    assert state["step"] == expected["step"] == STEPS
    for name, tensor in expected["model"].items():
        assert torch.equal(state["model"][name], tensor), name
    for name, values in expected["optimizer"]["state"].items():
        assert torch.equal(state["optimizer"]["state"][name]["momentum_buffer"], values["momentum_buffer"]), name
    assert records == expected_records
    assert files == expected_files
    assert (one / "predictions.csv").read_bytes() == (other / "predictions.csv").read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, recipe_text):
    """A run nobody killed."""
    from_here = tmp_path_factory.mktemp("whole")
    recipe = from_here / "small.yaml"
    recipe.write_text(recipe_text)
    assert in_a_fork(lambda: carry_out(session_in(from_here / "run", recipe))) == 0
    return from_here / "run"


@pytest.mark.parametrize("step", sorted(random.Random(2026).sample(range(1, STEPS + 1), 6)))
def test_killed_after_a_random_step_it_ends_with_the_same_bits(tmp_path, recipe, uninterrupted, step):
    """Weights, momentum, records and predictions; no temporary file is left."""
    path = tmp_path / "run"
    killer = lambda now: die() if now == step else None  # noqa: E731  # a name for a lambda reads best here
    assert in_a_fork(lambda: carry_out(session_in(path, recipe), killer)) == -signal.SIGKILL
    assert in_a_fork(lambda: carry_out(session_in(path, recipe))) == 0
    assert_same_outcome(path, uninterrupted)


@pytest.mark.parametrize("call", sorted(random.Random(7).sample(range(45), 7)))
def test_killed_inside_the_writer_it_ends_with_the_same_bits(tmp_path, recipe, uninterrupted, call):
    """Killed in place of the n-th flush or rename: between any two effects a checkpoint has on the disk."""
    path = tmp_path / "run"

    def killed_at_call() -> None:
        remaining = iter(range(call, -1, -1))

        def dying(real):
            def effect(*arguments, **options):
                if next(remaining) == 0:
                    die()
                return real(*arguments, **options)

            return effect

        os.fsync, os.rename, os.replace = dying(os.fsync), dying(os.rename), dying(os.replace)
        carry_out(session_in(path, recipe))

    assert in_a_fork(killed_at_call) == -signal.SIGKILL
    assert in_a_fork(lambda: carry_out(session_in(path, recipe))) == 0
    assert_same_outcome(path, uninterrupted)


def test_killed_again_and_again_it_ends_with_the_same_bits(tmp_path, recipe, uninterrupted):
    """Four kills in one run."""
    path = tmp_path / "run"
    for step in (2, 5, 11, 19):
        killer = lambda now, step=step: die() if now == step else None  # noqa: E731  # as above
        assert in_a_fork(lambda killer=killer: carry_out(session_in(path, recipe), killer)) == -signal.SIGKILL
    assert in_a_fork(lambda: carry_out(session_in(path, recipe))) == 0
    assert_same_outcome(path, uninterrupted)


def test_tuner_is_not_run_again_after_a_kill(tmp_path, recipe):
    """Its value is in the folder's recipe, and the whole equals a run that was given the value."""
    path = tmp_path / "run"
    killer = lambda now: die() if now == 10 else None  # noqa: E731  # as above
    assert in_a_fork(lambda: carry_out(session_in(path, recipe, TUNED), killer)) == -signal.SIGKILL
    tuning = (path / "tuning.json").read_bytes()
    value = json.loads(tuning)[0]["value"]
    assert in_a_fork(lambda: carry_out(session_in(path, recipe))) == 0
    assert (path / "tuning.json").read_bytes() == tuning
    given = tmp_path / "given"
    assert in_a_fork(lambda: carry_out(session_in(given, recipe, (*LEARNS_FAST, f"scheduler.max_lr={value}")))) == 0
    for name, tensor in outcome(given)[0]["model"].items():
        assert torch.equal(outcome(path)[0]["model"][name], tensor), name


def test_records_that_are_gone_are_put_back_from_the_checkpoint(tmp_path, recipe, wording):
    """Somebody has removed the file of metrics of a run that is done training; the report says so."""
    path = tmp_path / "run"
    assert in_a_fork(lambda: carry_out(session_in(path, recipe))) == 0
    whole = (path / "metrics.jsonl").read_bytes()
    (path / "metrics.jsonl").unlink()
    session = session_in(path, recipe)
    session.start()
    assert (path / "metrics.jsonl").read_bytes() == whole
    assert "metrics.jsonl" in session.warnings[0]
    assert session.warnings[0] == wording
