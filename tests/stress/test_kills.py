"""Wherever and however often a run is killed, it goes on to the same bits."""

from __future__ import annotations

from collections import Counter

import pytest
from kills import FEATURES, WRITERS, Killed, rounds


def kill(tmp_path, capsys, seed: int, kills: int) -> None:
    """Kill so often, print what was done, and fail where one run ended differently."""
    wrong: list[str] = []
    done: Counter[str] = Counter()
    for feature, killed, faults in rounds(tmp_path, seed, kills):
        done[feature] += len(killed.kills)
        wrong += [f"{feature}: {fault}" for fault in faults]
    with capsys.disabled():
        print(f"\n{done.total()} kills: {dict(done)}; {len(wrong)} runs ended differently")
    assert wrong == []


def test_a_few_kills_of_the_features_that_differ_most(tmp_path):
    """A sample of what `make stress` does: by time and by line, a loss with weights, averages, workers."""
    import random

    for seed, feature in enumerate(("a loss with weights", "a streamed folder, two workers")):
        killed = Killed(tmp_path / str(seed), FEATURES[feature])
        assert killed.lines > 100, f"the trace found no lines of {WRITERS}"
        for number in range(2):
            assert killed.run(f"run-{number}", random.Random(f"{seed} {number}")) == []


@pytest.mark.stress
def test_three_hundred_kills(tmp_path, capsys):
    """Every feature in turn."""
    kill(tmp_path, capsys, seed=2026, kills=300)
