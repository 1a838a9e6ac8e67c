"""Execute a run: tune, train and report, in this order. No other module has this sequence."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.splits import Half
from ..engine.caches import filled_caches
from ..engine.proposal import Proposal
from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..errors import CvkitError, one_line
from ..recipe import TunerPart
from .session import Session
from .together import division_lines


@dataclass(frozen=True)
class Warned:
    """A warning that readers of the run's numbers must see."""

    message: str


@dataclass(frozen=True)
class Tuned:
    """A tuner has finished; the recipe now contains `value`."""

    tuner: TunerPart
    proposal: Proposal
    value: Any


@dataclass(frozen=True)
class TrainingStarted:
    """Training starts, or continues after ``trainer.step`` steps."""

    trainer: Trainer


@dataclass(frozen=True)
class Noted:
    """Something that the reader should know: what the data set read and left out, and where the weights come from."""

    line: str


@dataclass(frozen=True)
class TrainingEnded:
    """All steps are taken, or the session was stopped; the report comes next, if any does."""


@dataclass(frozen=True)
class Measured:
    """The result of the run was measured on the images of `half`: its score, such as the accuracy, as text.

    `epoch` is the epoch whose weights were chosen; 0 if they are those of the end of training.
    """

    half: Half
    score_name: str
    score: str
    epoch: int


@dataclass(frozen=True)
class ReportStarted:
    """The report is being written, which may take as long as an epoch."""


@dataclass(frozen=True)
class Reported:
    """The report was written to `path`."""

    path: Path


Event = (
    Warned
    | Noted
    | Tuned
    | TrainingStarted
    | Step
    | EpochRecord
    | TrainingEnded
    | Measured
    | ReportStarted
    | Reported
)


def execute(session: Session, *, reports: bool = True) -> Generator[Event, None, None]:
    """Start the session, tune, train and report; yield an event for each thing that happens.

    Without `reports`, end after training, so that the images that measure the result are not evaluated.
    If `Session.stop` is set, the generator saves the current step and returns. Call it inside `noted_end`.
    """
    for line in session.start():
        yield Warned(line)
    if session.parts.splits.account is not None:
        for line in session.parts.splits.account.lines():
            yield Noted(line)
    for line in session.parts.finetuning.notes:
        yield Noted(line)
    yield from _new_warnings(session)  # for example, a damaged checkpoint that was skipped
    parts = session.parts
    for line in division_lines(parts):
        yield Noted(line)
    if session.trains:  # a cache without room is found now, not after an epoch
        with parts.world.after_first("caches"):
            for line in filled_caches(parts.recipe, [("training", parts.train_source), *parts.sources.items()]):
                yield Noted(line)
    for tuned in session.tune():
        if isinstance(tuned, str):
            yield Noted(tuned)
            continue
        tuner, proposal = tuned
        yield Tuned(tuner, proposal, session.recipe.value(tuner.target))
        yield from _new_warnings(session)
    yield TrainingStarted(session.prepare())
    yield from session.train()
    yield TrainingEnded()
    if session.stop or not reports:
        return
    trainer = session.trainer
    if trainer.parts.world.size > 1:  # the other processes evaluate too, and then this one reports alone
        trainer.final_predictions()
        trainer.parts.world.end()
    half, kept = trainer.parts.splits.final, trainer.outcome.kept
    if half not in trainer.parts.evaluated or kept is not None:  # else the last epoch's line says it
        result = trainer.final_predictions()
        epoch = 0 if kept is None else kept.epoch
        yield Measured(half, result.score_name, result.score_text, epoch)
    yield ReportStarted()
    report = session.report()
    yield from _new_warnings(session)
    yield Reported(report)


def _new_warnings(session: Session) -> Iterator[Warned]:
    """Yield each warning that was not shown yet."""
    for line in dict.fromkeys(session.warnings):
        if line not in session.shown:
            session.shown.add(line)
            yield Warned(line)


@contextmanager
def noted_end(session: Session, warn: Callable[[str], None] = lambda line: None) -> Iterator[None]:
    """If the run ends early, write how it ended into the run folder. Unlock the folder in every case.

    The status is "interrupted" if the user stopped the run or the machine ran out of a resource, otherwise "failed".
    `warn` is called with new faults of observers if the run ends early; a finished run yields all its warnings.
    """
    try:
        with _checkpoint_written(session):
            yield
    except KeyboardInterrupt:
        _note(session, "interrupted", warn)
        raise
    except Exception as error:
        known = isinstance(error, CvkitError)
        message = str(error) if known or is_resumable(error) else f"{type(error).__name__}: {one_line(error)}"
        _note(session, "interrupted" if is_resumable(error) else "failed", warn, error=message)
        raise
    finally:
        session.folder.unlock()


@contextmanager
def _checkpoint_written(session: Session) -> Iterator[None]:
    """Wait for the checkpoint that is being written, also if the block fails; do not wait after a second signal.

    If the checkpoint cannot be written, its error replaces an interruption, which would report that the step was
    saved. Another error is why the run ended, and gets a note about the checkpoint.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if not getattr(error, "at_once", False):
            session.finish_saving()
        raise
    except BaseException as error:
        try:
            session.finish_saving()
        except Exception as unsaved:
            error.add_note(f"also, {one_line(unsaved)}")
        raise


def is_resumable(error: BaseException) -> bool:
    """Return whether the run itself is valid, so that it can continue once the cause of `error` is removed."""
    return bool(getattr(error, "resumable", False))


def _note(session: Session, status: str, warn: Callable[[str], None], **details: str) -> None:
    """Write the status if possible. The run may have ended because the folder cannot be written."""
    if session.started:
        with suppress(CvkitError, OSError):
            session.set_status(status, **details)
    for line in dict.fromkeys(session.observer_faults):
        if line not in session.shown:
            warn(line)
