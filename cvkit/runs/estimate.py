"""Estimates, early in a run, how long its training will take."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..engine.records import EpochRecord
from ..engine.trainer import Step, Trainer
from ..engine.views import views_of
from ..formatting import duration
from ..printable import shell_words
from .execute import Event

_WARM_UP = 2  # the first steps are slower, so the estimate skips them
_AFTER = 3.0  # seconds of training before the estimate is made
_LONG = 30 * 60.0


class Estimate:
    """Measures the steps of a trainer, and once enough are measured, estimates the time of the training."""

    def __init__(self, trainer: Trainer) -> None:
        self._parts, self._begun_at = trainer.parts, trainer.step
        self._counted, self._seconds, self._last_event = -_WARM_UP, 0.0, 0.0
        self._made = False

    def lines(self, event: Event) -> Iterator[str]:
        """Yield the estimate, once."""
        if isinstance(event, EpochRecord):
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

    def _estimated(self, a_step: float) -> Iterator[str]:
        """Yield how long the training, or the rest of it in a resumed run, will take at `a_step` seconds per step."""
        parts, steps = self._parts, self._parts.planned_steps - self._begun_at
        images_a_step = parts.batching.batch_size * parts.batching.accumulate
        passes = 1 + len(views_of(parts.recipe.evaluation, last=False)) + (parts.ema is not None)
        # Evaluating an image costs about a third of training on it: a forward pass without a backward pass.
        evaluated = sum(len(parts.sources[half]) for half in parts.evaluated)
        an_evaluation = passes * a_step / images_a_step * evaluated / 3
        total = a_step * steps + an_evaluation * -(-steps // parts.plan.steps_per_epoch)
        what = "the rest of the training" if self._begun_at else "the training"
        yield f"{what} will take about {duration(total)} ({images_a_step / a_step:,.0f} images/s)"
        if total > _LONG and parts.recipe.shorter:
            yield f"a shorter recipe: {shell_words('cvkit', 'run', parts.recipe.shorter)}"
