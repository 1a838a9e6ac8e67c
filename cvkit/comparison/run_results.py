"""`RunResults`: what a comparison reads from a run folder. No code of the run is loaded, and nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoint.contents import trained_weights
from ..errors import RunError
from ..recipe import read_text
from ..recipe.nodes import plain
from ..runs.folder import RunFolder
from ..runs.predictions_table import PredictionsTable, read_predictions


@dataclass(frozen=True)
class Cost:
    """What a run costs.

    Attributes:
        seconds: The time of its training without evaluations.
        epochs: The number of epochs.
        speed: Training images per second.
        weights: The numbers that its model contains, buffers such as running means included; None if it has no
            checkpoint that can be read.
    """

    seconds: float
    epochs: int
    speed: float
    weights: int | None


@dataclass(frozen=True)
class RunResults:
    """The results of a finished run.

    Attributes:
        path: The run folder.
        table: Its predictions.
        recipe: Its resolved recipe as plain values.
        tuned: The paths of the recipe's values that tuners have set.
        info: The content of run.json.
        data: The digest of its data; empty if it is not known.
        cost: What it costs.
        warnings: Lines about checkpoints that could not be read.
    """

    path: Path
    table: PredictionsTable
    recipe: Mapping[str, Any]
    tuned: frozenset[str]
    info: Mapping[str, Any]
    data: str
    cost: Cost
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the run folder."""
        return self.path.name

    @property
    def seed(self) -> int:
        """The seed of the recipe."""
        return int(self.recipe.get("seed", 0))


def read_run(path: Path) -> RunResults:
    """Return the results of the run in a folder; raise `FolderError` if it is no finished run or damaged."""
    folder = RunFolder.open(path)
    resolved = folder.path.resolve()
    table = folder.read_predictions(read_predictions)
    info, records = folder.info(), folder.records()
    if info.get("status") not in ("finished", None):
        raise RunError(
            f"the run in '{path}' has not finished, so its predictions may not be those of its weights; continue it "
            "with `cvkit resume` or end it with `cvkit finish`"
        )
    state, damaged = folder.newest_state() if folder.has_checkpoints() else (None, [])
    weights = None if state is None else sum(value.numel() for value in trained_weights(state).values())
    seconds = sum(record.seconds for record in records)
    images = sum(record.images_per_second * record.seconds for record in records)
    return RunResults(
        folder.path if folder.path.name else resolved,
        table,
        plain(read_text(folder.recipe_text(), extends=False).root),
        frozenset(result["sets"] for result in folder.tuning()),
        info,
        "" if state is None else state["data"],
        Cost(seconds, len(records), images / seconds if seconds else 0.0, weights),
        tuple(damaged),
    )
