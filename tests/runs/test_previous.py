"""The run before: found by name and time, and compared on the same images."""

from __future__ import annotations

import pytest
import torch
from compared_runs import digest, write_run
from judged import predicted
from small import RECIPE

from cvkit import discover, resolve
from cvkit.recipe import dump, read_text
from cvkit.runs.folder import RunFolder
from cvkit.runs.previous import earlier_result, previous_run

RESULT = {"half": "test", "score_name": "accuracy", "score": 0.5, "loss": 1.0, "epoch": 0}
SAME = resolve(read_text(RECIPE, ("seed=1",)), discover())
NOW = "2026-01-03 10:00:00 +0000"


def write(parent, folder, started, **info):
    """Write a finished run that began at a time, with six of twelve images correct."""
    more = {"name": "acme", "started": started, "result": RESULT} | info
    return write_run(parent / folder, [True, False] * 6, **more)


def test_newest_finished_run_of_the_name_that_began_before(tmp_path):
    """Neither a later one, nor one that did not finish, nor one of another name, nor a damaged one."""
    write(tmp_path, "acme-1", "2026-01-01 10:00:00 +0000")
    write(tmp_path, "acme-2", "2026-01-02 10:00:00 +0000")
    write(tmp_path, "acme-3", "2026-01-04 10:00:00 +0000")
    write(tmp_path, "acme-4", "2026-01-02 11:00:00 +0000", status="failed")
    write(tmp_path, "acme-other-5", "2026-01-02 12:00:00 +0000", name="acme-other")
    write(tmp_path, "acme-6", "yesterday")
    (write(tmp_path, "acme-7", "2026-01-02 13:00:00 +0000") / "run.json").write_text("{")
    found = previous_run(RunFolder(tmp_path / "acme-new"), "acme", NOW)
    assert found is not None
    assert found.path.name == "acme-2"


def test_first_run_has_none(tmp_path):
    """Its own folder is not its previous run."""
    folder = write(tmp_path, "acme-1", NOW)
    assert previous_run(RunFolder(folder), "acme", NOW) is None


def test_same_images_are_compared_in_pairs(tmp_path):
    """They are recognised by their digests, whatever their order."""
    folder = RunFolder(write(tmp_path, "acme-1", NOW))
    now = predicted([[8, 0], [4, 0]])  # images 0 to 7 are correct
    order = torch.arange(12).flip(0).tolist()
    (folder.path / "recipe.yaml").write_text(dump(resolve(read_text(RECIPE, ()), discover())))
    found = earlier_result(folder, now, [digest(index) for index in order], SAME)
    assert found is not None
    assert found.score == 0.5
    assert "seed was 0 and is 1" in [str(change) for change in found.changes]
    assert found.pairs is not None
    assert (found.pairs.fixed, found.pairs.broken, found.pairs.n) == (4, 2, 12)


@pytest.mark.parametrize("digests", [None, [digest(f"other {index}") for index in range(12)]])
def test_other_images_are_not_compared_in_pairs(tmp_path, digests):
    """Only the scores are."""
    found = earlier_result(RunFolder(write(tmp_path, "acme-1", NOW)), predicted([[8, 0], [4, 0]]), digests, SAME)
    assert found is not None
    assert found.changes is None  # the recipe is not as a run writes it
    assert found.pairs is None


def test_result_on_another_split_is_not_compared(tmp_path):
    """A validation accuracy says nothing of the test accuracy."""
    folder = write(tmp_path, "acme-1", NOW, result=RESULT | {"half": "validation"})
    assert earlier_result(RunFolder(folder), predicted([[8, 0], [4, 0]]), None, SAME) is None
