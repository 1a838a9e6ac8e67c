"""Estimates how long a run will take: its training after some steps, and the whole run after an epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..engine.views import views_of
from ..formatting import counted, duration
from ..printable import shell_words
from .execute import Event
from .report_cost import ReportCost

_WARM_UP = 2  # the first steps are slower, so the estimate skips them
_AFTER = 3.0  # seconds of training before the estimate is made
_LONG = 30 * 60.0
_SHORT = 60.0  # seconds of a whole run below which it is not estimated, because that takes some explanations


class Estimate:
    """Measures a trainer. Estimates the time of the training after some steps, and that of the run after an epoch."""

    def __init__(self, trainer: Trainer) -> None:
        self._parts, self._begun_at = trainer.parts, trainer.step
        self._counted, self._seconds, self._last_event = -_WARM_UP, 0.0, 0.0
        self._made = self._whole = False
        self._trainer = trainer

    def lines(self, event: Event) -> Iterator[str]:
        """Yield each estimate, once."""
        if isinstance(event, EpochRecord):
            if self._counted > 0 and not self._whole:
                self._whole = True
                yield from self._of_the_run(event, time.monotonic() - self._last_event)
            self._last_event = time.monotonic()  # do not count the evaluation as part of the next step
        if not isinstance(event, Step):
            return
        self._counted += 1
        if self._counted > 0:
            self._seconds += time.monotonic() - self._last_event
        self._last_event = time.monotonic()
        if self._seconds > _AFTER and not self._made:
            self._made = True
            yield from self._estimated(self._seconds / self._counted)

    def _of_the_run(self, record: EpochRecord, an_evaluation: float) -> Iterator[str]:
        """Yield how long everything will take, given how long the evaluation after the first epoch took."""
        parts, steps = self._parts, self._parts.planned_steps - self._begun_at
        training = self._seconds / self._counted * steps + an_evaluation * -(-steps // parts.plan.steps_per_epoch)
        cost = ReportCost.of(self._trainer, record)
        evaluated = sum(len(parts.sources[half]) for half in parts.evaluated) * self._passes()
        forward = an_evaluation / evaluated * cost.forward
        if training + forward < _SHORT:
            return
        rest = forward + cost.seconds_of_explanations(self._trainer)
        what = "the rest of the run" if self._begun_at else "the whole run"
        yield (
            f"{what} will take about {duration(training + rest)}: {duration(training)} for the training, and "
            f"{duration(rest)} for the evaluation and {counted(cost.explained, 'explanation')}; the figures and the "
            "page are extra"
        )

    def _passes(self) -> int:
        """Return the forward passes for an image in an evaluation after an epoch."""
        return 1 + len(views_of(self._parts.recipe.evaluation, last=False)) + (self._parts.ema is not None)

    def _estimated(self, a_step: float) -> Iterator[str]:
        """Yield how long the training, or the rest of it in a resumed run, will take at `a_step` seconds per step."""
        parts, steps = self._parts, self._parts.planned_steps - self._begun_at
        images_a_step = parts.batching.batch_size * parts.batching.accumulate
        # Evaluating an image costs about a third of training on it: a forward pass without a backward pass.
        evaluated = sum(len(parts.sources[half]) for half in parts.evaluated)
        an_evaluation = self._passes() * a_step / images_a_step * evaluated / 3
        total = a_step * steps + an_evaluation * -(-steps // parts.plan.steps_per_epoch)
        what = "the rest of the training" if self._begun_at else "the training"
        yield f"{what} will take about {duration(total)} ({images_a_step / a_step:,.0f} images/s)"
        if total > _LONG and parts.recipe.shorter:
            yield f"a shorter recipe: {shell_words('cvkit', 'run', parts.recipe.shorter)}"
