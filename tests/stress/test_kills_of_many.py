"""However often processes that train together are killed, the run ends as if none had been."""

from __future__ import annotations

import json
import random
import shutil

import pytest
from kills_of_many import DEADLINE, faults_of, killed_run, rounds

pytestmark = pytest.mark.usefixtures("unrendered", "warm")


def test_faults_of_a_killed_run_are_seen(tmp_path, monkeypatch):
    """One that is killed once has none; another image, another byte of the predictions and other weights are seen."""
    monkeypatch.setenv("CVKIT_DEADLINE", DEADLINE)
    draws = random.Random(3)
    whole = {1: killed_run(tmp_path / "whole", [1], 0, draws)}
    run = killed_run(tmp_path / "killed", [1], 1, draws)
    assert faults_of(run, whole) == []
    trace = run.place / "traces" / "0003-of-1-0"
    trace.write_text(json.dumps(json.loads(trace.read_text())[::-1]))
    predictions = run.folder.path / "predictions.csv"
    predictions.write_text(predictions.read_text() + "x")
    shutil.rmtree(run.folder.path / "checkpoints" / "step-00000010")
    faults = faults_of(run, whole)
    assert "step 3 had other images" in faults
    assert "the last step is missing" in faults
    assert len(faults) == 5


@pytest.mark.stress
def test_forty_kills_across_numbers_of_processes(tmp_path, capsys, monkeypatch):
    """As many processes lead to the same bits, and other numbers to the same images, steps and evaluation."""
    monkeypatch.setenv("CVKIT_DEADLINE", DEADLINE)
    wrong, done = [], 0
    for title, run, faults in rounds(tmp_path, kills=40, seed=15):
        done += len(run.kills)
        wrong += [f"{title}: {fault}" for fault in faults]
        with capsys.disabled():
            print(f"\n{title}: {len(run.kills)} kills, {done} in all; {faults or 'as promised'}", flush=True)
    assert wrong == []
    assert done == 40
