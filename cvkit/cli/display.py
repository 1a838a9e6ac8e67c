"""The output of a run while it trains: one line per epoch, a progress bar and an estimate of the total time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..printable import printable
from .terminal import OutputLost, console, echo


class Display:
    """Shows `Step` and `EpochRecord` events. Use it as a context manager, which removes the bar at the end."""

    def __init__(self, trainer: Trainer) -> None:
        self._parts = trainer.parts
        self._console = console()
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._begun_at = trainer.step

    def __enter__(self) -> Display:
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("loss {task.fields[loss]}"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
                refresh_per_second=4,
            )
            self._bar.start()
            self._task = self._bar.add_task(
                "training", total=self._parts.planned_steps, completed=self._begun_at, loss="-"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with suppress(OSError):  # the terminal may be gone
                self._bar.stop()

    def show(self, event: Step | EpochRecord, lines: Iterable[str]) -> None:
        """Show one event of the run and its lines; raise `OutputLost` if they cannot be written."""
        try:
            if isinstance(event, Step) and self._bar is not None:
                description = f"epoch {event.epoch}/{self._parts.plan.epochs}"
                self._bar.update(self._task, completed=event.step, description=description, loss=f"{event.loss:.3f}")
            for line in lines:
                self._print(line)
        except OSError as error:
            raise OutputLost(error) from error

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._console.print(printable(line), soft_wrap=True)
        else:
            echo(line)
