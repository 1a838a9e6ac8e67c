"""However often processes that train together are killed, the run ends as if none had been."""

from __future__ import annotations

import pytest
from kills_of_many import DEADLINE, rounds

pytestmark = pytest.mark.usefixtures("unrendered", "warm")


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
