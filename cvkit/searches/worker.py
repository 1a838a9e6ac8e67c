"""A process that trains trials of a search: ``python -m cvkit.searches.worker``, started by `run_workers`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..host.discovery import discover
from ..runs.session import Session
from ..runs.signals import heard, interrupt
from ..runs.watching import Events, Watch, lines_of
from ..runs.worker_processes import serve, write_line, write_warning
from .advisor import require_optuna
from .definition import SearchSource
from .folder import SearchFolder
from .reading import SearchFile
from .work import SearchJob

MODULE = "cvkit.searches.worker"


def jobs_of(job: SearchJob, processes: int, paths: Sequence[Path], disabled: Sequence[str]) -> list[dict[str, Any]]:
    """Return the jobs of `processes` workers, each of which takes one trial after the other."""
    one = {
        "file": str(job.search.file),
        "text": job.search.source.text,
        "set": [*job.search.source.overrides],
        "folder": str(job.folder.path),
        "data": None if job.data is None else str(job.data.absolute()),
        "plugins": [str(path.absolute()) for path in paths],
        "disabled": [*disabled],
    }
    return [one] * processes


def train_trials(job: dict[str, Any]) -> int:
    """Train trials until the search ends, and return 0."""
    file = SearchFile(SearchSource(Path(job["file"]), job["text"], tuple(job["set"])))
    disabled = dict.fromkeys(file.document.disabled, "plugins.disable") | dict.fromkeys(
        job["disabled"], "--no-plugin"
    )
    catalog = discover(disabled, [Path(path) for path in job["plugins"]])
    search, folder = file.resolve(catalog), SearchFolder(Path(job["folder"]))
    require_optuna()
    folder.require(search)

    def show(session: Session, events: Events) -> None:
        place = f"{session.folder.path.name}: "
        lines_of(events, lambda line: write_line(place + line), lambda line: write_warning(place + line))

    data = None if job["data"] is None else Path(job["data"])
    with heard(interrupt):
        SearchJob(search, folder, catalog, data).train(Watch(write_line, write_warning, show))
    return 0


if __name__ == "__main__":
    serve(train_trials)
