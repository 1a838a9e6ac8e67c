"""The previous finished run of the same name beside a run folder, and how the results differ."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..engine.paired import Disagreement
from ..engine.predictions import Predictions
from ..errors import CvkitError
from ..recipe import Recipe
from ..recipe.changes import Change, changes
from ..report.headline import Earlier
from .folder import TIME, RunFolder
from .predictions_table import PredictionsTable, read_predictions


def previous_run(folder: RunFolder, name: str, started: str) -> RunFolder | None:
    """Return the newest finished run called `name` in the same output folder that `started` before; None without one.

    A folder that cannot be read is passed over, because only this one is asked for its report.
    """
    found = []
    begun = _time(started)
    beside = folder.path.absolute().parent
    for path in sorted(beside.iterdir()) if begun is not None else ():
        if path.name == folder.path.name or not path.name.startswith(f"{name}-") or not path.is_dir():
            continue
        other = RunFolder(path)
        try:
            info = other.info()
        except CvkitError:
            continue
        when = _time(str(info.get("started", "")))
        if info.get("name") == name and info.get("status") == "finished" and info.get("result") and when is not None:
            found.append((when, path.name, other))
    earlier = [each for each in found if begun is not None and each[0] <= begun]
    return max(earlier, key=lambda each: each[:2])[2] if earlier else None


def earlier_result(
    other: RunFolder, predictions: Predictions, digests: Sequence[str] | None, recipe: Recipe
) -> Earlier | None:
    """Return the result of an earlier run; None if it measures something else or its predictions cannot be read."""
    try:
        result = other.info()["result"]
        table = other.read_predictions(read_predictions)
    except (CvkitError, KeyError):
        return None
    if result["half"] != predictions.half or result["score_name"] != predictions.score_name:
        return None
    return Earlier(
        other.path.name, float(result["score"]), _pairs(table, predictions, digests), _changes(other, recipe)
    )


def _changes(other: RunFolder, recipe: Recipe) -> tuple[Change, ...] | None:
    """Return what the recipe has changed since the earlier run; None if that recipe cannot be read."""
    try:
        return changes(other.recipe_text(), recipe)
    except (CvkitError, AttributeError, TypeError):  # somebody may have written the file in another form since
        return None


def _pairs(table: PredictionsTable, predictions: Predictions, digests: Sequence[str] | None) -> Disagreement | None:
    """Return the disagreement on the same images, which are recognised by their digests."""
    if digests is None or table.digests is None or predictions.labels.ndim != 1:
        return None
    if sorted(table.digests) != sorted(digests) or len(set(digests)) < len(digests):
        return None
    before = dict(zip(table.digests, table.correct.tolist(), strict=True))
    now = predictions.correct.tolist()
    fixed = sum(right and not before[digest] for digest, right in zip(digests, now, strict=True))
    broken = sum(before[digest] and not right for digest, right in zip(digests, now, strict=True))
    return Disagreement(fixed, broken, len(digests))


def _time(started: str) -> datetime | None:
    try:
        return datetime.strptime(started, TIME)
    except ValueError:
        return None
