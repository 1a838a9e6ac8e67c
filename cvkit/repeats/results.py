"""The result of each run of a repeat, read from its run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import FolderError
from ..runs.folder import RunFolder
from ..runs.predictions_table import PredictionsTable, read_predictions


@dataclass(frozen=True)
class SeedResult:
    """The result of the run of a seed.

    Attributes:
        seed: The seed.
        folder: The run folder.
        half: The images that measure the result: test, or validation if there are no others.
        score_name: What the score is, such as ``accuracy``.
        score: The score, in [0, 1].
        loss: The mean loss.
        metrics: The value of each metric of the recipe, by name.
        chosen: The epoch whose weights were chosen; 0 if they are those of the end of training.
        seconds: The time of training, without evaluation.
        curve: The score after each epoch, on the images of `curve_half`.
        curve_half: The images that are evaluated after each epoch.
        names: The name of each image: its file, or its position.
        true: The true class of each image, or its labels with ``|`` between them.
        predicted: What was predicted for each image, in the same form.
    """

    seed: int
    folder: Path
    half: str
    score_name: str
    score: float
    loss: float
    metrics: Mapping[str, float]
    chosen: int
    seconds: float
    curve: tuple[float, ...]
    curve_half: str
    names: tuple[str, ...]
    true: tuple[str, ...]
    predicted: tuple[str, ...]


def has_finished(folder: RunFolder) -> bool:
    """Return whether the run in `folder` has finished and its result can be read."""
    return folder.path.is_dir() and folder.info().get("status") == "finished" and bool(folder.info().get("result"))


def result_of_seed(seed: int, folder: RunFolder) -> SeedResult | None:
    """Return the result of a seed; None if its run has not finished. Raises `FolderError` if a file is damaged."""
    if not has_finished(folder):
        return None
    result, records = folder.info()["result"], folder.records()
    table = _predictions(seed, folder)
    return SeedResult(
        seed=seed,
        folder=folder.path,
        half=result["half"],
        score_name=result["score_name"],
        score=result["score"],
        loss=result["loss"],
        metrics=result.get("metrics", {}),
        chosen=result["epoch"],
        seconds=sum(record.seconds for record in records),
        curve=tuple(record.score for record in records),
        curve_half=records[-1].half if records else result["half"],
        names=table.files or tuple(map(str, range(len(table)))),
        true=table.true,
        predicted=table.predicted,
    )


def _predictions(seed: int, folder: RunFolder) -> PredictionsTable:
    try:
        return folder.read_predictions(read_predictions)
    except FolderError as error:
        raise FolderError(f"{error}. Or remove '{folder.path}' to train seed {seed} again") from error
