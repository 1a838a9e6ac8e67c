"""A run from its start to its report: the one place that has the sequence tune, train, report."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..engine.proposal import Proposal
from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..errors import CvkitError, one_line
from ..recipe import TunerPart
from .session import Session


@dataclass(frozen=True)
class Warned:
    """Something that a reader of the run's numbers must know."""

    message: str


@dataclass(frozen=True)
class Tuned:
    """A tuner ended; `value` is what the recipe has in its place now."""

    tuner: TunerPart
    proposal: Proposal
    value: Any


@dataclass(frozen=True)
class TrainingStarted:
    """Training begins, or goes on after ``trainer.step`` steps."""

    trainer: Trainer


@dataclass(frozen=True)
class Reported:
    """The report was written to `path`."""

    path: Path


Event = Warned | Tuned | TrainingStarted | Step | EpochRecord | Reported


def execute(session: Session) -> Generator[Event, None, None]:
    """Start the session, tune, train and report; yield what happens.

    With `Session.stop` set it ends after the step at hand, which is saved. Run it within `noted_end`.
    """
    for line in session.start():
        yield Warned(line)
    known = dict.fromkeys(session.warnings)  # such as a damaged checkpoint passed over
    for message in known:
        yield Warned(message)
    for tuner, proposal in session.tune():
        yield Tuned(tuner, proposal, session.recipe.value(tuner.target))
    session.prepare()
    yield TrainingStarted(session.trainer)
    yield from session.train()
    if session.stop:
        return
    report = session.report()
    for message in dict.fromkeys(session.warnings):
        if message not in known:
            yield Warned(message)
    yield Reported(report)


@contextmanager
def noted_end(session: Session) -> Iterator[None]:
    """Write into the run folder how the run ended early, if it does, and unlock the folder at the end.

    A run that was interrupted, or whose machine ran out of something, is "interrupted"; all others have "failed".
    """
    try:
        yield
    except KeyboardInterrupt:
        _note(session, "interrupted")
        raise
    except Exception as error:
        known = isinstance(error, CvkitError)
        message = str(error) if known or is_resumable(error) else f"{type(error).__name__}: {one_line(error)}"
        _note(session, "interrupted" if is_resumable(error) else "failed", error=message)
        raise
    finally:
        session.folder.unlock()


def is_resumable(error: BaseException) -> bool:
    """Whether the run itself is sound, so that it can go on once the cause of `error` is gone."""
    return bool(getattr(error, "resumable", False))


def _note(session: Session, status: str, **details: str) -> None:
    """Write the status, if the folder can be written: what ended the run may be that it cannot."""
    if session.started:
        with suppress(CvkitError, OSError):
            session.set_status(status, **details)
