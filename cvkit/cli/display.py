"""The output of a run while it trains: one line per epoch, a progress bar and an estimate of the total time."""

from __future__ import annotations

import time
from contextlib import suppress
from types import TracebackType

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..formatting import duration
from ..printable import printable, shell_words
from .terminal import OutputLost, console, echo

HEADER = "epoch   train loss     acc   test loss     acc          lr    images/s   seconds"
_WARM_UP = 2  # the first steps are slower, so the estimate skips them
_ESTIMATE_AFTER = 3.0  # seconds of training before the estimate is printed
_LONG = 30 * 60.0


class Display:
    """Shows `Step` and `EpochRecord` events. Use it as a context manager, which removes the bar at the end."""

    def __init__(self, trainer: Trainer) -> None:
        self._parts = trainer.parts
        self._console = console()
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._begun_at = trainer.step
        self._last_event = 0.0
        self._counted, self._seconds = -_WARM_UP, 0.0
        self._estimated = False

    def __enter__(self) -> Display:
        echo(HEADER)
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

    def show(self, event: Step | EpochRecord) -> None:
        """Show one event of the run; raise `OutputLost` if it cannot be written."""
        try:
            self._show(event)
        except OSError as error:
            raise OutputLost(error) from error

    def _show(self, event: Step | EpochRecord) -> None:
        if isinstance(event, EpochRecord):
            self._print(epoch_line(event))
            self._last_event = time.monotonic()  # do not count the evaluation as part of the next step
            return
        if self._bar is not None:
            description = f"epoch {event.epoch}/{self._parts.plan.epochs}"
            self._bar.update(self._task, completed=event.step, description=description, loss=f"{event.loss:.3f}")
        self._counted += 1
        if self._counted > 0:
            self._seconds += time.monotonic() - self._last_event
        self._last_event = time.monotonic()
        if self._seconds > _ESTIMATE_AFTER and not self._estimated:
            self._estimated = True
            self._print_estimate(self._seconds / self._counted)

    def _print_estimate(self, a_step: float) -> None:
        """Print how long the run, or the rest of a resumed run, will take at `a_step` seconds per step."""
        parts, steps = self._parts, self._parts.planned_steps - self._begun_at
        images_a_step = parts.batching.batch_size * parts.batching.accumulate
        passes = (3 if parts.recipe.evaluation.flip_tta else 1) + (parts.ema is not None)
        # Evaluating an image costs about a third of training on it: a forward pass without a backward pass.
        an_evaluation = (
            passes * a_step / images_a_step * sum(map(len, (parts.sources[half] for half in parts.evaluated))) / 3
        )
        total = a_step * steps + an_evaluation * -(-steps // parts.plan.steps_per_epoch)
        what = "the rest of the run" if self._begun_at else "the whole run"
        self._print(f"{what} will take about {duration(total)} ({images_a_step / a_step:,.0f} images/s)")
        if total > _LONG and parts.recipe.shorter:
            self._print(f"a shorter recipe: {shell_words('cvkit', 'run', parts.recipe.shorter)}")

    def _print(self, line: str) -> None:
        if self._bar is not None:
            self._console.print(printable(line), soft_wrap=True)
        else:
            echo(line)


def epoch_line(record: EpochRecord) -> str:
    """Return the line of an epoch, aligned with `HEADER`; accuracies are in percent."""
    more = ""
    for name, accuracy in (
        ("with flip TTA", record.accuracy_tta),
        ("without averaging", record.accuracy_unaveraged),
    ):
        more += "" if accuracy is None else f"   {name} {100 * accuracy:.2f}"
    return (
        f"{record.epoch:>5}   {record.train_loss:>10.4f}   {100 * record.train_accuracy:>5.2f}   "
        f"{record.loss:>9.4f}   {100 * record.accuracy:>5.2f}   {record.learning_rate:>9.3g}   "
        f"{record.images_per_second:>9,.0f}   {record.seconds:>7.1f}{more}"
    )
