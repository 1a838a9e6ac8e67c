"""Show the progress of a download: a phase of the command that shows phases, and otherwise lines on stderr."""

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

from cvkit import phase


@contextmanager
def stage(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Announce a stage, and yield a function to call with the number of bytes done since the last call.

    `total` is the number of all bytes, if known.
    """
    with phase(label, total, noun="byte") as begun:
        if begun.shown:
            yield begun.advance
            return
        with _shown_here(label, total) as advance:
            yield advance


@contextmanager
def _shown_here(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a stage on stderr: a progress bar on a terminal, and otherwise one line."""
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
