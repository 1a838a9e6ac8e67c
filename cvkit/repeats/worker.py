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
from ..runs.worker_processes import run_workers, serve, write_line, write_result, write_warning
from .folder import RepeatFolder
from .results import has_finished
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


def train_in_processes(
    job: RepeatJob,
    seeds: Sequence[int],
    processes: int,
    paths: Sequence[Path],
    disabled: Sequence[str],
    watch: Watch,
) -> dict[int, str]:
    """Train `seeds` in up to `processes` processes, and return why those failed that did.

    Lines and warnings go to `watch`. A signal ends the work as in `run_workers`.
    """
    failures: dict[int, str] = {}
    jobs = jobs_of(job, seeds, processes, paths, disabled)
    codes = run_workers(
        MODULE, jobs, watch.tell, watch.warn, watch.signals, lambda found: failures.update([tuple(found)])
    )
    for of_process, code in zip(jobs, codes, strict=True):
        for seed in of_process["seeds"] if code else ():
            if seed not in failures and not has_finished(job.folder.run(seed)):
                failures[seed] = f"its process ended with exit code {code}"
    return failures


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
        failures = RepeatJob(folder, recipe, catalog, data).train(job["seeds"], watch)
    for failure in failures.items():
        write_result(failure)
    return int(bool(failures))


if __name__ == "__main__":
    serve(train_seeds)
