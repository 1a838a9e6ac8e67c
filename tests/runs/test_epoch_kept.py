"""An epoch that is trained is kept before it is evaluated, so an evaluation that fails costs nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from cvkit import EpochRecord, MachineError
from cvkit.checkpoint.files import read_newest
from cvkit.engine import evaluator as engine_evaluator
from cvkit.engine.assembly import build_parts
from cvkit.engine.evaluator import Evaluator
from cvkit.engine.trainer import Step
from cvkit.host.discovery import discover
from cvkit.recipe import read, resolve
from cvkit.runs.execute import noted_end
from cvkit.runs.folder import RunFolder
from cvkit.runs.session import Session


@pytest.fixture(scope="module")
def catalog():
    return discover()


@pytest.fixture
def session_in(recipe, catalog, one_thread):
    """Make a session of the small recipe, or of the folder's own, in a folder."""

    def made(path: Path, *overrides: str) -> Session:
        path.mkdir(exist_ok=True)
        folder = RunFolder(path)
        found = resolve(read(folder.recipe_path if folder.recipe_path.is_file() else recipe, overrides), catalog)
        return Session(build_parts(found, found.dataset.build(path)), folder, path, catalog)

    return made


def train(session: Session) -> list[Step | EpochRecord]:
    """Train as a run does, which waits for the last checkpoint also if the training fails."""
    session.start()
    with noted_end(session):
        return list(session.train())


def records(path: Path) -> list[dict]:
    """The records kept, without what the clock says."""
    untimed = {"seconds": 0, "images_per_second": 0}
    return [json.loads(line) | untimed for line in (path / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_evaluation_that_runs_out_of_memory_costs_no_step(tmp_path, session_in, monkeypatch, failing, wording):
    """The next session evaluates, trains on, and ends with the same bits and records as one that never failed."""
    whole = session_in(tmp_path / "whole")
    train(whole)
    real, calls = engine_evaluator.evaluate, []

    def evaluate(*arguments):
        calls.append(arguments)
        if len(calls) == failing:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory")
        return real(*arguments)

    monkeypatch.setattr(engine_evaluator, "evaluate", evaluate)
    path = tmp_path / "run"
    with pytest.raises(MachineError, match=r"evaluation\.batch_size") as caught:
        train(session_in(path))
    assert str(caught.value) == wording(name="evaluating")
    assert read_newest(path / "checkpoints")[0]["step"] == 8 * failing
    events = train(session_in(path))
    assert isinstance(events[0], EpochRecord)
    assert sum(isinstance(event, Step) for event in events) == 24 - 8 * failing
    assert records(path) == records(tmp_path / "whole")
    ended, expected = (read_newest(folder / "checkpoints")[0] for folder in (path, tmp_path / "whole"))
    assert ended["epoch"] == expected["epoch"] == 3
    assert all(torch.equal(ended["model"][name], tensor) for name, tensor in expected["model"].items())


def test_training_that_runs_out_of_memory_names_the_batch(tmp_path, session_in, monkeypatch, wording):
    """With what keeps the size of a step."""
    session = session_in(tmp_path / "run")

    def forward(images):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(session.parts.model, "forward", forward)
    with pytest.raises(MachineError, match=r"train\.batch_size.*train\.accumulate") as caught:
        train(session)
    assert str(caught.value) == wording


def test_streamed_images_are_evaluated_in_batches_no_larger_than_those_trained_on(session_in, tmp_path):
    """Workers hand them over in shared memory, of which a container has 64 MB."""
    assert Evaluator(session_in(tmp_path / "resident").parts).batch_size == 500
    assert Evaluator(session_in(tmp_path / "streamed", "train.resident=false").parts).batch_size == 8
    smaller = ("train.resident=false", "evaluation.batch_size=5")
    evaluator = Evaluator(session_in(tmp_path / "smaller", *smaller).parts)
    assert evaluator.batch_size == 5
    assert len(evaluator.predict().labels) == 30
