"""However often processes that train together are killed, the run ends as if none had been."""

from __future__ import annotations

import os
import random
import signal
import time
from itertools import count
from pathlib import Path

import pytest
from divided import RECIPE, STEPS, weights
from worlds import Commands

from cvkit.runs.folder import RunFolder

pytestmark = pytest.mark.usefixtures("unrendered", "warm")
SECONDS = 3.0  # about as long as a run on a free core


def finished_in(place: Path) -> RunFolder | None:
    """Return the run that has finished; one that was killed before its recipe was written is not continued."""
    folders = [RunFolder(path) for path in place.glob("runs/*") if (path / "run.json").is_file()]
    return next((folder for folder in folders if folder.info().get("status") == "finished"), None)


def killed_run(place: Path, sizes: list[int], kills: int, draws: random.Random) -> RunFolder:
    """Start and continue a run until it has finished; kill some of its processes `kills` times at random moments."""
    place.mkdir()
    (place / "divided.yaml").write_text(RECIPE)
    for attempt in count():
        commands = Commands(draws.choice(sizes), "run", "divided.yaml", "--resume", cwd=place)
        if attempt < kills:
            time.sleep(draws.uniform(0, SECONDS))
            for command in draws.sample(commands.each, draws.randint(1, len(commands.each))):
                os.kill(command.pid, signal.SIGKILL)
        done = commands.finish()
        if (folder := finished_in(place)) is not None:
            return folder
        assert attempt < kills, done[0].stderr
    raise AssertionError


@pytest.mark.stress
def test_up_to_forty_kills_across_numbers_of_processes(tmp_path, same, capsys, monkeypatch):
    """As many processes lead to the same bits, and other numbers to a complete run."""
    # torchrun ends processes whose partners were killed before they met; without it, the deadline does.
    monkeypatch.setenv("CVKIT_DEADLINE", "20")
    draws = random.Random(15)
    expected = {size: killed_run(tmp_path / f"whole-{size}", [size], 0, draws) for size in (2, 3)}
    for number in range(4):
        size = 2 + number % 2
        folder = killed_run(tmp_path / f"same-{number}", [size], 5, draws)
        same(weights(folder), weights(expected[size]))
        assert (folder.path / "predictions.csv").read_bytes() == (
            expected[size].path / "predictions.csv"
        ).read_bytes()
    for number in range(4):
        folder = killed_run(tmp_path / f"mixed-{number}", [1, 2, 3], 5, draws)
        assert folder.newest_state()[0]["step"] == STEPS
        assert [record.epoch for record in folder.records()] == [1, 2]
        with capsys.disabled():
            print(f"\nmixed run {number} ended", flush=True)
