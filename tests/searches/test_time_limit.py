"""The time limit of a search counts the trials of all processes, also those that still run."""

from __future__ import annotations

import pytest

from cvkit.host.discovery import discover
from cvkit.searches.folder import SearchFolder
from cvkit.searches.reading import SearchFile, source_of
from cvkit.searches.trials import Trial
from cvkit.searches.work import SearchJob

TEXT = """\
recipe: recipe.yaml
max_minutes: 60
space:
  optimizer.lr: {low: 0.01, high: 1.0, log: true}
"""
RECIPE = "dataset: shapes\nmodel: {name: custom_resnet, width: 2}\noptimizer: {name: sgd, lr: 0.1}\n"


@pytest.fixture
def jobs(tmp_path) -> tuple[SearchJob, SearchJob]:
    """Two processes that work on one search."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    (tmp_path / "search.yaml").write_text(TEXT)
    catalog = discover()
    search = SearchFile(source_of(tmp_path / "search.yaml")).resolve(catalog)
    folder = SearchFolder(tmp_path / "s")
    folder.begin(search, "accuracy", "max")
    return SearchJob(search, folder, catalog, None), SearchJob(search, folder, catalog, None)


def test_trials_that_still_run_in_other_processes_count(jobs):
    """Four trials of 20 minutes are more than an hour, although none of them has ended."""
    first, second = jobs
    trials = [Trial(number, {"optimizer.lr": 0.1}) for number in range(4)]
    for trial in trials:
        first.folder.write_trial(trial)
    over = [job._over(trial, 20 * 60) for job, trial in zip((first, second, first, second), trials, strict=True)]
    assert over == [False, False, True, True]
