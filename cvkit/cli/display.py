"""The output of a run while it trains: one line per epoch, and a phase with the state of the training."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType

from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..formatting import percent
from ..phases import Phase, phase
from .terminal import echo


class Display:
    """Shows `Step` and `EpochRecord` events. Use it as a context manager, which ends the phase."""

    def __init__(self, trainer: Trainer) -> None:
        self._parts, self._begun_at = trainer.parts, trainer.step
        self._stack = ExitStack()
        self._phase = Phase("training")

    def __enter__(self) -> Display:
        planned = self._parts.planned_steps
        self._phase = self._stack.enter_context(phase("training", planned, noun="step", first=self._begun_at))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def show(self, event: Step | EpochRecord, lines: Iterable[str]) -> None:
        """Show one event of the run and its lines; raise `OutputLost` if they cannot be written."""
        if isinstance(event, Step) and self._phase.shown:
            self._phase.name = f"training, epoch {event.epoch:,}/{self._parts.plan.epochs:,}"
            self._phase.done = event.step
            self._phase.details = details_of(event)
        for line in lines:
            echo(line)


def details_of(step: Step) -> tuple[str, ...]:
    """Return the known ones of loss, accuracy, learning rate and speed at a step, as texts."""
    accuracy = "" if step.accuracy is None else f"acc {percent(step.accuracy, 1)}"
    speed = "" if step.images_per_second is None else f"{step.images_per_second:,.0f} images/s"
    return tuple(filter(None, (f"loss {step.loss:.3f}", accuracy, f"lr {step.learning_rate:.3g}", speed)))
