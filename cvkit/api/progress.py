"""A bar of a run's progress, in a notebook or on a terminal."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import Progress

from ..engine.records import EpochRecord
from ..engine.trainer import Step
from ..formatting import in_words, score_percent
from ..runs.execute import Event, TrainingEnded, TrainingStarted

_EVERY = 0.25  # seconds between two updates of a notebook's output


class ProgressBar:
    """Shows the events of a run. A context manager; in a pipe it shows nothing."""

    def __init__(self) -> None:
        self._bar: _Notebook | _Terminal | None = None
        self._total = 0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.end()

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, TrainingStarted):
            self._total = event.trainer.parts.planned_steps
            self._bar = _Notebook(self._total) if _in_notebook() else _Terminal(self._total)
        elif isinstance(event, Step) and self._bar is not None:
            self._bar.update(event.step, f"epoch {event.epoch}, loss {event.loss:.3f}")
        elif isinstance(event, EpochRecord) and self._bar is not None:
            score = f"{in_words(event.score_name)} {score_percent(event.score)}"
            self._bar.update(event.step, f"epoch {event.epoch}, {event.half} {score}", at_once=True)
        elif isinstance(event, TrainingEnded) and self._bar is not None:
            self._bar.update(self._total, "writing the report", at_once=True)


class _Terminal:
    def __init__(self, total: int) -> None:
        console = Console(stderr=True)
        self._progress = Progress(console=console, transient=True, disable=not sys.stderr.isatty())
        self._progress.start()
        self._task = self._progress.add_task("training", total=total)

    def update(self, step: int, text: str, at_once: bool = False) -> None:
        self._progress.update(self._task, completed=step, description=text)

    def end(self) -> None:
        self._progress.stop()


class _Notebook:
    """An HTML bar in a cell's output, which is updated in place; it needs no widgets."""

    def __init__(self, total: int) -> None:
        from IPython import display

        shown: Any = display
        self._html, self._total, self._last = shown.HTML, total, 0.0
        self._handle: Any = shown.display(shown.HTML(""), display_id=True)

    def update(self, step: int, text: str, at_once: bool = False) -> None:
        if at_once or time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            bar = f'<progress value="{step}" max="{self._total}"></progress>'
            self._handle.update(self._html(f"{bar} {step:,} of {self._total:,} steps, {html.escape(text)}"))

    def end(self) -> None:
        self._handle.update(self._html(""))


def _in_notebook() -> bool:
    """Whether this process is a kernel whose front end shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"
