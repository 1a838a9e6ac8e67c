"""`TrialRun`: the training of one trial, which its advisor may prune after each epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from ..engine.records import EpochRecord
from ..engine.trainer import Step
from ..runs.execute import TrainingStarted, execute
from ..runs.session import Session
from ..runs.watching import Events
from .advisor import Advisor
from .trials import State, Trial

_EVERY = 0.5  # seconds between two looks at the time of the search


class TrialRun:
    """Trains a trial without evaluating the test images, and measures it.

    `over` is called with the seconds that the trial has taken, and returns whether the time of the search is used up.

    Attributes:
        pruned: Whether the advisor ended the trial.
        out_of_time: Whether the time of the search ended it; it can be continued.
    """

    def __init__(self, trial: Trial, advisor: Advisor, metric: str, over: Callable[[float], bool]) -> None:
        self._trial, self._advisor, self._metric, self._over = trial, advisor, metric, over
        self._began = self._looked = time.monotonic()
        self.session: Session | None = None
        self.pruned = self.out_of_time = False

    @property
    def seconds(self) -> float:
        """The time that the trial has taken in all sessions."""
        return self._trial.seconds + time.monotonic() - self._began

    def events(self, session: Session) -> Events:
        """Train, and yield the events of the run until it is finished, pruned or out of time."""
        self.session = session
        with closing(execute(session, reports=False)) as events:
            for event in events:
                yield event
                if isinstance(event, TrainingStarted):  # a continued trial gets its earlier answers again
                    for number, record in enumerate(session.records, start=1):
                        self._judge(record, done=session.trainer.finished and number == len(session.records))
                    if self.pruned:  # it was killed between the answer and its end
                        return
                elif isinstance(event, EpochRecord):
                    self._judge(event, done=session.trainer.finished)
                if isinstance(event, Step | EpochRecord) and not session.trainer.finished and self._is_over():
                    self.out_of_time = not self.pruned
                session.stop = session.stop or self.pruned or self.out_of_time

    def _is_over(self) -> bool:
        """Return whether the search is out of time; look at most twice a second, because other trials are read."""
        if time.monotonic() - self._looked < _EVERY:
            return False
        self._looked = time.monotonic()
        return self._over(self.seconds)

    def _judge(self, record: EpochRecord, done: bool) -> None:
        self.pruned |= self._advisor.prunes(record.value(self._metric)) and not done

    def unfinished(self) -> Trial:
        """Return the trial for a later session, with the time that it took so far."""
        return replace(self._trial, seconds=self.seconds)

    def ended(self, error: str = "") -> Trial:
        """Return the trial with its measurements; it failed if there is an `error`."""
        state: State = "failed" if error else "pruned" if self.pruned else "complete"
        session, value = self.session, None
        if state == "complete" and session is not None:
            kept = session.trainer.outcome.kept
            record = session.records[-1 if kept is None else kept.epoch - 1]
            value = record.value(self._metric)
        return replace(
            self._trial,
            state=state,
            value=value,
            values=tuple(self._advisor.values),
            epochs=len(self._advisor.values),
            planned=0 if session is None else -(-session.parts.planned_steps // session.parts.batching.steps),
            steps=0 if session is None else session.step,
            seconds=self.seconds,
            error=error,
            attrs=self._advisor.attrs(),
        )
