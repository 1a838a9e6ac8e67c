"""A run folder that was damaged or edited goes on to the same end, or says what is not as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from damages import Outcome, classified, damages, resumed, stopped_run

pytestmark = pytest.mark.usefixtures("one_thread", "unrendered")
SAMPLE = dict(list(damages(66))[::9])


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> tuple[Path, Outcome]:
    """A run that was stopped, and what it ends with where nothing is damaged."""
    path = stopped_run(tmp_path_factory.mktemp("stopped"))
    whole = path.with_name("whole")
    shutil.copytree(path, whole)
    assert resumed(whole)[0] == 0
    return path, Outcome.of(whole)


@pytest.mark.parametrize("name", SAMPLE)
def test_damaged_run_ends_the_same_or_says_why_not(tmp_path, stopped, name):
    """A sample; `make stress` does many more."""
    path, expected = stopped
    copy = tmp_path / "run"
    shutil.copytree(path, copy)
    SAMPLE[name](copy)
    how, said = classified(copy, expected)
    assert how in ("same", "told"), f"{name}: {how}\n{said}"


@pytest.mark.stress
def test_two_hundred_damages_are_the_same_or_told(tmp_path, stopped, capsys):
    """Every named one, then random ones of the bytes of each file; prints how many ended in which way."""
    path, expected = stopped
    found: dict[str, list[str]] = {"same": [], "told": [], "silent": [], "traceback": []}
    for name, damage in damages(200):
        copy = tmp_path / "run"
        shutil.copytree(path, copy)
        damage(copy)
        how, said = classified(copy, expected)
        found[how].append(name if how in ("same", "told") else f"{name}: {said[-500:]}")
        shutil.rmtree(copy)
    with capsys.disabled():
        print(f"\n{', '.join(f'{how}: {len(names)}' for how, names in found.items())}")
    assert found["silent"] == found["traceback"] == []
