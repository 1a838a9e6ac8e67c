"""Show the progress of a download on stderr: a progress bar on a terminal, and otherwise one line for each stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)


@contextmanager
def stage(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Announce a stage, and yield a function to call with the number of bytes done since the last call.

    `total` is the number of all bytes, if known.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console.print(f"{label} ...", markup=False, soft_wrap=True)
        yield lambda done: None
        return
    columns = [BarColumn(), DownloadColumn(), TransferSpeedColumn()] if total else [SpinnerColumn()]
    text = TextColumn("{task.description}", markup=False)
    with Progress(text, *columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done: progress.advance(task, done)
