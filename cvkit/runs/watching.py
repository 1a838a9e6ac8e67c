"""`Watch`: carries out one of several runs, and shows what happens to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

from ..error_text import cause
from ..errors import CvkitError
from ..resource_errors import reporting_shortages
from .execute import Event, Warned, execute, is_resumable, noted_end
from .interruption import ended_by_signals
from .lines import EventLines
from .session import Session
from .signals import NAMES

Events = Generator[Event, None, None]


@dataclass(frozen=True)
class Watch:
    """How the command line, a notebook or a worker process shows several runs.

    Attributes:
        tell: Shows a line.
        warn: Shows a warning.
        show: Consumes the events of a session and shows them.
        signals: The names of the signals that end a run after its current step.
    """

    tell: Callable[[str], None]
    warn: Callable[[str], None]
    show: Callable[[Session, Events], None]
    signals: tuple[str, ...] = NAMES

    def carry_out(self, session: Session, events: Events | None = None) -> None:
        """Carry out a session, whose events are `events` or else those of a run with a report.

        If a signal ends it, the step is saved and `Interrupted` is raised. The folder is unlocked at the end.
        """
        with (
            noted_end(session, self.warn),
            ended_by_signals(session, self.tell, self.signals),
            reporting_shortages("the run was in progress"),
        ):
            self.show(session, execute(session) if events is None else events)

    @staticmethod
    def is_lost(error: Exception) -> bool:
        """Return whether the output was lost, so that there is nobody to go on for."""
        return is_resumable(error) and not isinstance(error, CvkitError)


def lines_of(events: Events, tell: Callable[[str], None], warn: Callable[[str], None]) -> None:
    """Consume the events of a run, and call `tell` and `warn` with their lines."""
    lines = EventLines()
    with closing(events):
        for event in events:
            for line in lines.of(event):
                warn(line) if isinstance(event, Warned) else tell(line)


def failure_text(error: Exception) -> str:
    """Return why a run failed, on one line unless the message has several."""
    return str(error) if isinstance(error, CvkitError) else cause(error)
