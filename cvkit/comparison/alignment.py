"""Finds the same images in the predictions of several runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from ..data.label_forms import SEPARATOR
from ..errors import RunError
from ..formatting import counted
from .run_results import RunResults

_COMMON = (
    "compare only the images that the runs have in common with --common, or choose runs with the same test images"
)


@dataclass(frozen=True)
class Aligned:
    """Runs whose predictions contain the same images in the same order.

    Attributes:
        runs: The runs, with the rows of their common images.
        positions: The position of each image in the predictions.csv of the first run.
        by: How images were recognised: by their ``digest``, their ``file`` or their ``index``.
        left_out: A line for each reason why images were left out.
    """

    runs: tuple[RunResults, ...]
    positions: tuple[int, ...]
    by: str
    left_out: tuple[str, ...]


def align(runs: Sequence[RunResults], common: bool) -> Aligned:
    """Return the runs with the rows of their common images, in the order of the first run.

    Images are recognised by their digests. If a run has none, the data digests of the runs must show that their test
    images are the same, and then images are recognised by their file or their index. With `common`, images that some
    run lacks, or that have other labels in some run, are left out; otherwise they are an error.

    Raises:
        RunError: The runs have different tasks or test images, or it is not known whether they have the same.
    """
    _require_one_task(runs)
    by, keys = _keys(runs)
    shared = set(keys[0]).intersection(*keys[1:])
    names = distinct_names(runs)
    spare = [(name, len(run.table) - len(shared)) for name, run in zip(names, runs, strict=True)]
    lacking = [(name, count) for name, count in spare if count]
    if lacking and not common:
        texts = (f"'{name}' has {counted(count, 'image')} that another run lacks" for name, count in lacking)
        raise RunError(f"the runs were evaluated on different images: {', '.join(texts)}; {_COMMON}")
    places = [{key: row for row, key in enumerate(of_run)} for of_run in keys]
    kept = [key for key in keys[0] if key in shared and _same_label(runs, [place[key] for place in places])]
    relabelled = len(shared) - len(kept)
    if not shared:
        raise RunError("the runs cannot be compared: no image is in all of them")
    if not kept:
        images = counted(relabelled, "common image")
        raise RunError(f"the runs cannot be compared: they have different labels for their {images}")
    if relabelled and not common:
        raise RunError(
            f"the runs have different labels for {relabelled:,} of {counted(len(shared), 'image')}, so their test "
            f"sets differ; {_COMMON}"
        )
    notes = [f"{counted(count, 'image')} of {name} that another run lacks" for name, count in lacking]
    notes += [f"{counted(relabelled, 'image')} whose labels differ between the runs"] if relabelled else []
    rows = [[place[key] for key in kept] for place in places]
    taken = tuple(replace(run, table=run.table.rows(of_run)) for run, of_run in zip(runs, rows, strict=True))
    return Aligned(taken, tuple(rows[0]), by, tuple(notes))


def distinct_names(runs: Sequence[RunResults]) -> list[str]:
    """Return the name of each run; of runs with the same name the path."""
    count = Counter(run.name for run in runs)
    return [run.name if count[run.name] == 1 else str(run.path) for run in runs]


def _require_one_task(runs: Sequence[RunResults]) -> None:
    tasks = {run.table.several: run for run in runs}
    if len(tasks) > 1:
        raise RunError(
            f"the runs have different tasks: images have sets of labels in '{tasks[True].path}' and one class in "
            f"'{tasks[False].path}'"
        )
    for run in runs:
        if run.table.labels != runs[0].table.labels:
            raise RunError(f"'{run.path}' and '{runs[0].path}' have different labels, so they cannot be compared")


def _keys(runs: Sequence[RunResults]) -> tuple[str, list[list[Hashable]]]:
    """Return how images are recognised, and the key of each image of each run."""
    if all(run.table.digests is not None for run in runs):
        return "digest", [_numbered(run.table.digests or ()) for run in runs]
    if why := _why_data_may_differ(runs):
        bare = next(run for run in runs if run.table.digests is None)
        raise RunError(
            f"it is not known whether the runs were evaluated on the same images: predictions.csv in '{bare.path}' "
            f"contains no digests of the images, and {why}. Train them again with this version of cvkit"
        )
    if all(run.table.files is not None for run in runs):
        return "file", [_numbered(run.table.files or ()) for run in runs]
    return "index", [[*range(len(run.table))] for run in runs]


def _why_data_may_differ(runs: Sequence[RunResults]) -> str:
    """Return why the test images of runs may differ; empty if the digests of their data are equal."""
    for run in runs:
        if not run.data:
            return f"'{run.path}' does not record a digest of its data"
        if run.data != runs[0].data:
            return f"the data of '{run.path}' is not that of '{runs[0].path}'"
    return ""


def _numbered(names: Sequence[str]) -> list[Hashable]:
    """Return each name with the number of its occurrence, because a test set may contain equal images."""
    seen: Counter[str] = Counter()
    keys: list[Hashable] = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


def _same_label(runs: Sequence[RunResults], rows: Sequence[int]) -> bool:
    labels = {
        frozenset(run.table.true[row].split(SEPARATOR)) if run.table.several else run.table.true[row]
        for run, row in zip(runs, rows, strict=True)
    }
    return len(labels) == 1
