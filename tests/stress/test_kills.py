"""Wherever and however often a run is killed, it goes on to the same bits."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from kills import FEATURES, WRITERS, Killed, Stage, rounds

pytestmark = pytest.mark.usefixtures("unrendered", "warm")


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Stage:
    return Stage.set_up(tmp_path_factory.mktemp("killed"))


def kill(stage: Stage, capsys, seed: int, kills: int) -> None:
    """Kill so often, print what was done, and fail where one run ended differently."""
    wrong: list[str] = []
    done: Counter[str] = Counter()
    for feature, killed, faults in rounds(stage, seed, kills):
        done[feature] += len(killed.kills)
        wrong += [f"{feature}: {fault}" for fault in faults]
    with capsys.disabled():
        print(f"\n{done.total()} kills: {dict(done)}; {len(wrong)} runs ended differently")
    assert wrong == []


def test_a_few_kills_of_the_features_that_differ_most(stage):
    """A sample of what `make stress` does: by time and by line, a loss with weights, averages, workers."""
    for seed, feature in enumerate(("a loss with weights", "a streamed folder, two workers")):
        killed = Killed(stage, f"sample-{seed}", FEATURES[feature])
        assert killed.lines > 100, f"the trace found no lines of {WRITERS}"
        for number in range(2):
            assert killed.run(f"run-{number}", random.Random(f"{seed} {number}")) == []


@pytest.mark.stress
def test_three_hundred_kills(stage, capsys):
    """Every feature in turn."""
    kill(stage, capsys, seed=2026, kills=300)
