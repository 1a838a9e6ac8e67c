"""`compare`: the results of finished runs, compared from Python."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..comparison.comparison import MARGIN, Comparison, compare_runs
from .results import TrainedRun

RunLike = str | os.PathLike[str] | TrainedRun
"""A run: its folder, or what `train` returned."""


def compare(
    *runs: RunLike, against: Iterable[RunLike] = (), margin: float = MARGIN, common: bool = False
) -> Comparison:
    """Compare the results of finished runs on the same test images.

    The first run is what the others are compared with. Runs whose recipes differ only in the seed are compared
    together, as repeated trainings of one recipe. Nothing is written, and no model is loaded.

    Args:
        runs: Runs, each a run folder or a run that `cvkit.train` returned.
        against: Runs of another recipe, to be compared together with `runs`. Differences are theirs minus those
            of `runs`.
        margin: The difference in percentage points below which runs are equivalent, above 0 and below 100.
        common: Whether to leave out images that some run lacks, or that have other labels in some run. Otherwise they
            are an error.

    Returns:
        The comparison, which a notebook shows as a table.

    Raises:
        FolderError: A folder is no run folder, contains no predictions, or is damaged.
        RunError: There are fewer than two runs, a run has not finished, or the test images differ.
        ValueError: `margin` is not between 0 and 100.
    """
    if not 0 < margin < 100:
        raise ValueError(f"margin must be above 0 and below 100 percentage points, got {margin!r}")
    return compare_runs([*map(_folder, runs)], [*map(_folder, against)], margin=margin, common=common)


def _folder(run: RunLike) -> Path:
    return run.folder if isinstance(run, TrainedRun) else Path(run).expanduser()
