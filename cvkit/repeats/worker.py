"""A process that trains some seeds of a repeat: ``python -m cvkit.repeats.worker``, started by `run_workers`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..host.discovery import discover
from ..recipe import read_text, resolve
from ..runs.session import Session
from ..runs.signals import heard, interrupt
from ..runs.watching import Events, Watch, lines_of
from ..runs.worker_processes import serve, write_line, write_warning
from .folder import RepeatFolder
from .work import RepeatJob

MODULE = "cvkit.repeats.worker"


def jobs_of(
    job: RepeatJob, seeds: Sequence[int], processes: int, paths: Sequence[Path], disabled: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the jobs of up to `processes` workers, which share `seeds`."""
    count = min(processes, len(seeds))
    return [
        {
            "folder": str(job.folder.path),
            "seeds": [*seeds[number::count]],
            "data": None if job.data is None else str(job.data.absolute()),
            "plugins": [str(path.absolute()) for path in paths],
            "disabled": [*disabled],
        }
        for number in range(count)
    ]


def train_seeds(job: dict[str, Any]) -> int:
    """Train the seeds of a job; return 1 if one failed, else 0."""
    folder = RepeatFolder(Path(job["folder"]))
    document = read_text(folder.recipe_text(), file=str(folder.path), extends=False)
    disabled = dict.fromkeys(document.disabled, "plugins.disable") | dict.fromkeys(job["disabled"], "--no-plugin")
    catalog = discover(disabled, [Path(path) for path in job["plugins"]])
    recipe = resolve(document, catalog)
    data = None if job["data"] is None else Path(job["data"])

    def show(session: Session, events: Events) -> None:
        place = f"seed {session.recipe.seed}: "
        lines_of(events, lambda line: write_line(place + line), lambda line: write_warning(place + line))

    watch = Watch(write_line, write_warning, show)
    with heard(interrupt):
        return int(bool(RepeatJob(folder, recipe, catalog, data).train(job["seeds"], watch)))


if __name__ == "__main__":
    serve(train_seeds)
