"""What a run shows while it trains: a line an epoch, a bar on a terminal, and an estimate of the whole."""

from __future__ import annotations

import time
from types import TracebackType

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ..engine.metrics import Record
from ..engine.run import Run, Step

HEADER = "epoch   train loss     acc   test loss     acc          lr    images/s   seconds"
_WARM_UP = 2  # steps that an estimate leaves out, being slower than the rest
_ESTIMATE_AFTER = 3.0  # seconds of steps an estimate rests on
_LONG = 30 * 60.0


class Display:
    """Shows `Step` and `Record` events. A context manager: the bar is gone when it ends.

    `shorter`: the path of a quicker recipe to name where the estimate is over half an hour.
    """

    def __init__(self, run: Run, shorter: str | None) -> None:
        self._run, self._shorter = run, shorter
        self._console = Console(highlight=False)
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._warm_step = run.step + _WARM_UP
        self._warm_since = 0.0
        self._estimated = False

    def __enter__(self) -> Display:
        click.echo(HEADER)
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("loss {task.fields[loss]:.3f}"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
                refresh_per_second=4,
            )
            self._bar.start()
            self._task = self._bar.add_task(
                "training", total=self._run.planned_steps, completed=self._run.step, loss=float("nan")
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, event: Step | Record) -> None:
        """Show one event of the run."""
        if isinstance(event, Record):
            self._print(epoch_line(event))
            return
        if self._bar is not None:
            description = f"epoch {event.epoch}/{self._run.plan.epochs}"
            self._bar.update(self._task, completed=event.step, description=description, loss=event.loss)
        if event.step == self._warm_step:
            self._warm_since = time.monotonic()
        elif event.step > self._warm_step and not self._estimated:
            elapsed = time.monotonic() - self._warm_since
            if elapsed > _ESTIMATE_AFTER:
                self._estimated = True
                self._print_estimate(elapsed / (event.step - self._warm_step))

    def _print_estimate(self, a_step: float) -> None:
        """Say how long the whole run will take, at `a_step` seconds an optimizer step."""
        run = self._run
        # An evaluated image costs about a third of a trained one: forward without backward.
        images_a_step = run.schedule.batch_size * run.schedule.accumulate
        an_evaluation = a_step / images_a_step * len(run.test_source) / 3
        epochs = -(-run.planned_steps // run.plan.steps_per_epoch) - run.epoch
        total = a_step * (run.planned_steps - self._warm_step + _WARM_UP) + an_evaluation * epochs
        self._print(f"the whole run will take about {duration(total)} ({images_a_step / a_step:,.0f} images/s)")
        if total > _LONG and self._shorter:
            self._print(f"a shorter recipe: cvkit run {self._shorter}")

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._console.print(line, markup=False, soft_wrap=True)
        else:
            click.echo(line)


def epoch_line(record: Record) -> str:
    """Return the line of an epoch, under `HEADER`; accuracies in percent."""
    tta = "" if record.test_accuracy_tta is None else f"   with flip TTA {100 * record.test_accuracy_tta:.2f}"
    return (
        f"{record.epoch:>5}   {record.train_loss:>10.4f}   {100 * record.train_accuracy:>5.2f}   "
        f"{record.test_loss:>9.4f}   {100 * record.test_accuracy:>5.2f}   {record.learning_rate:>9.3g}   "
        f"{record.images_per_second:>9,.0f}   {record.seconds:>7.1f}{tta}"
    )


def duration(seconds: float) -> str:
    """Return a duration in words a person would use: ``40 seconds``, ``5 minutes``, ``4.8 hours``."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 90 * 60 else f"{seconds / 3600:.1f} hours"
