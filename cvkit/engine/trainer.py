"""The trainer: runs the optimizer, the schedule and the loop on the parts of a run.

`Trainer.fit` is a generator: it yields a `Step` after each optimizer step and an `EpochRecord` after each epoch. It
prints and saves nothing. Between two of these events, `Trainer.state` returns the complete state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from torch import Tensor

from ..checkpoint.state_dicts import load_model_state, model_state
from ..errors import DivergedError, RunError
from ..resource_errors import Shortage, reporting_shortages
from ..step_progress import Progress
from .building import own_copy
from .compilation import compiled
from .deciding import deciding
from .decisions_state import decisions_state, restore_decisions
from .evaluator import Evaluator
from .latest_evaluation import LatestEvaluation
from .loop import train_steps
from .metrics import evaluate_metrics
from .outcome import Outcome
from .parts import RunParts
from .predictions import Predictions
from .progress import EpochProgress, Taken
from .records import EpochRecord
from .resumable import require_finite_weights, require_place, restore_training, training_state
from .trained_model import TrainedModel
from .views import views_of

_LESS_TRAINING = (
    "start a new run with a smaller train.batch_size; a larger train.accumulate keeps the number of images per step"
)


@dataclass(frozen=True)
class Step:
    """An optimizer step was taken.

    Attributes:
        step: The number of the step in the run, from 1.
        epoch: The number of the epoch, from 1.
        samples: Images seen so far in the epoch.
        loss: The running training loss, read from the device at most a few times a second.
        ends_epoch: Whether this is the last step of the epoch; its evaluation comes next.
        learning_rate: The learning rate of the step.
        accuracy: The training accuracy so far in the epoch, in [0, 1], read when the loss is read; None if there is
            none, as with mixed images.
        images_per_second: The mean speed of training so far in the epoch; None if no time was measured yet.
    """

    step: int
    epoch: int
    samples: int
    loss: float
    ends_epoch: bool = False
    learning_rate: float = 0.0
    accuracy: float | None = None
    images_per_second: float | None = None


class Trainer:
    """Trains the model of a run, from the first step or from a restored state.

    `epoch` and `step` count the finished epochs and optimizer steps, and `outcome` has what callbacks decided.

    Args:
        parts: The parts of the run.

    Raises:
        RunError: A value of the recipe is still ``auto``, or the model cannot be compiled.
    """

    def __init__(self, parts: RunParts) -> None:
        if waiting := sorted(parts.recipe.unresolved()):
            raise RunError(f"{', '.join(waiting)}: the value is still 'auto'; run a tuner, or set a value")
        self.parts = parts
        self.train_step = parts.train_step(parts.model, parts.loss, parts.preprocessor)
        if parts.recipe.train.compile:
            image = parts.first_images(parts.sample_augmentations, 1).images
            size = max(1, parts.world.share.of(parts.recipe.train.batch_size))
            batch = image.expand(size, -1, -1, -1)
            call = compiled(parts.model, parts.preprocessor.for_evaluation(batch))
            self.train_step = replace(self.train_step, forward=replace(self.train_step.forward, call=call))
        self.schedule = parts.new_schedule(self.train_step.optimizer)
        self.evaluator = Evaluator(parts, self.train_step.forward)
        self.deciding = deciding(parts.recipe, parts.info, parts.plan, parts.splits.validation is not None)
        self.outcome = Outcome()
        self.epoch = self.step = 0
        self._progress: EpochProgress | None = None
        self.evaluation = LatestEvaluation(parts, self.evaluator)
        self._final: Predictions | None = None  # of the best weights
        self._ended = False

    @property
    def finished(self) -> bool:
        """Whether every planned epoch is finished, `train.max_steps` is reached, or the run stopped early."""
        limit = self.parts.recipe.train.max_steps
        ended = self.epoch >= self.parts.plan.epochs or (limit is not None and self.step >= limit)
        return ended or bool(self.outcome.stopped) or self._ended

    @property
    def ended_early(self) -> bool:
        """Whether `end` ended training before its planned end."""
        return self._ended

    def end(self) -> bool:
        """End training with the steps that were taken, so that the model can be evaluated and reported.

        Returns:
            Whether all steps of an epoch were taken whose evaluation is missing; `fit` then yields its record.
        """
        self._ended = not self.finished
        if self._progress is not None and self._progress.taken < self.parts.batching.steps:
            self._progress = None
        return self._progress is not None

    def trained(self) -> TrainedModel:
        """Return the model that is evaluated, in evaluation mode, with its preprocessing.

        During training it is a copy of the current model, so that using it does not affect training. After training
        it is the model itself, or one with the weights that callbacks or `selection.keep_best` kept.
        """
        parts, done = self.parts, self.finished and self._progress is None
        kept = self.outcome.kept if done else None
        itself = done and kept is None
        model = parts.trained_model if itself else own_copy(parts.recipe.model.entry, parts.trained_model)
        if kept is not None:
            load_model_state(model, kept.weights)
        if itself:
            self.evaluation.require(self.step)
        thresholds = self.evaluation.thresholds if kept is None else kept.thresholds
        return TrainedModel(model.eval(), parts.info, parts.preprocessor, parts.device, parts.recipe.seed, thresholds)

    def fit(self) -> Generator[Step | EpochRecord, None, None]:
        """Train to the end of the run; yield after each optimizer step and after each epoch.

        Yields:
            A `Step` after each optimizer step, and an `EpochRecord` after each epoch.

        Raises:
            DivergedError: The loss is not finite. It is raised immediately on a CPU, within a fraction of a second on
                other devices, and always before the last step of an epoch is yielded.
            MachineError: The memory is not large enough.
        """
        with self.parts.kept_open():
            while not self.finished or self._progress is not None:
                progress = self._progress or EpochProgress(self.parts.batching.steps, self.parts.device)
                self._progress = progress
                with reporting_shortages("training", {Shortage.MEMORY: _LESS_TRAINING}):
                    yield from self._train_epoch(progress)
                record = self._record(progress)
                verdict = self.deciding.after_epoch(record)
                self.outcome = self.outcome.after(verdict, record, self._weights)
                self.schedule.change(verdict.rate)
                self.epoch, self._progress = self.epoch + 1, None
                yield replace(record, decisions=verdict.lines)

    def _train_epoch(self, progress: EpochProgress) -> Iterator[Step]:
        parts = self.parts
        planned = train_steps(
            self.train_step,
            parts.train_source,
            parts.batching,
            parts.sampling,
            parts.recipe.seed,
            self.epoch,
            progress.taken,
            planned=parts.planned_steps,
            another=(self.epoch + 1) * parts.batching.steps < parts.planned_steps,
        )
        steps = self._decided(islice(planned, max(0, parts.planned_steps - self.step)), progress)
        last_read = time.monotonic()
        progress.start_clock()
        scale = self.train_step.scaler.get_scale()  # 1 unless precision is fp16
        for taken in steps:
            progress.add(taken, self.parts.batching.samples_in(progress.taken), *self.schedule.setting)
            progress.group_rates = self.schedule.group_rates
            self.step += 1
            before, scale = scale, self.train_step.scaler.get_scale()
            if scale >= before:  # the scale decreases if a gradient overflowed and the optimizer skipped the step
                self.schedule.step()
            if parts.ema is not None:
                parts.ema.update(parts.model)
            ends_epoch = progress.taken == self.parts.batching.steps or self.step == parts.planned_steps
            if ends_epoch or self.parts.device.type == "cpu" or time.monotonic() - last_read > 0.25:
                self._require_finite(progress)  # this waits for the device, so the clock includes all of its work
                last_read = time.monotonic()
            progress.stop_clock()
            yield Step(
                self.step,
                self.epoch + 1,
                progress.samples,
                progress.last_loss,
                ends_epoch,
                progress.rates[-1],
                progress.last_accuracy,
                progress.speed,
            )
            progress.start_clock()
        progress.stop_clock()

    def _decided(self, steps: Iterator[Taken], progress: EpochProgress) -> Iterator[Taken]:
        """Take the steps of an epoch, and ask the callbacks before each."""
        per_epoch, planned = self.parts.batching.steps, self.parts.planned_steps
        for taken in range(progress.taken, min(per_epoch, progress.taken + planned - self.step)):
            now = Progress.of(self.epoch, taken, per_epoch, planned)
            self.schedule.change(self.deciding.before_step(now))
            if taken == per_epoch - 1:
                self.evaluation.begin()
            yield next(steps)
        yield from steps  # ends them

    def _require_finite(self, progress: EpochProgress) -> None:
        bad = progress.first_non_finite()
        if bad is not None:
            step = self.step - progress.taken + bad + 1
            raise DivergedError(
                f"the training loss became {progress.losses[bad].item()} at step {step} (epoch {self.epoch + 1}), "
                f"with a learning rate of {progress.rates[bad]:.3g}. Lower the learning rate, or set train.clip_norm"
            )

    def _record(self, progress: EpochProgress) -> EpochRecord:
        parts = self.parts
        found = self.evaluation.make(self.step)
        for half, predictions in found.items():
            if not math.isfinite(predictions.loss):
                raise DivergedError(
                    f"the {half} loss is {predictions.loss} after epoch {self.epoch + 1}: the weights are no longer "
                    "finite. Lower the learning rate, or set train.clip_norm"
                )
        half = parts.evaluated[0]
        last = self.epoch + 1 >= parts.plan.epochs or self.step >= parts.planned_steps
        views = views_of(parts.recipe.evaluation, last=last)
        viewed = self.evaluator.predict(half, views=views) if views else None
        unaveraged = None if parts.ema is None else self.evaluator.predict(half, averaged=False)
        metrics = evaluate_metrics(parts.recipe.metrics, parts.info, found[half])
        record = replace(progress.record(self.epoch + 1, self.step, found, viewed, unaveraged), metrics=metrics)
        speed, seconds = parts.world.from_first((record.images_per_second, record.seconds))  # callbacks see them
        return replace(record, images_per_second=speed, seconds=seconds)

    def final_predictions(self) -> Predictions:
        """Return the predictions for the images that measure the result of the run.

        Those of the last epoch's evaluation are used if it evaluated these images; otherwise, evaluate them now. If
        training ended within an epoch, no evaluation has seen these weights, and thresholds are chosen now.
        """
        half, kept = self.parts.splits.final, self.outcome.kept
        if kept is not None and self.finished and self._progress is None:
            if self._final is None:
                found = self.evaluator.predict(half, model=self.trained().model)
                self._final = found.with_thresholds(kept.thresholds)
            return self._final
        return self.evaluation.predictions(half, self.step)

    def _weights(self) -> dict[str, Tensor]:
        """Return a copy of the evaluated weights on the CPU."""
        state = model_state(self.parts.trained_model)
        return {name: value.detach().to("cpu", copy=True) for name, value in state.items()}

    def state(self) -> dict[str, Any]:
        """Return the complete state of training, as nested plain values and tensors.

        Returns:
            A dictionary for `restore`.

        Raises:
            DivergedError: A weight is not finite. So no checkpoint contains such weights.
        """
        require_finite_weights(self.train_step, self.step)
        progress = None if self._progress is None else self._progress.state()
        return {
            "epoch": self.epoch,
            "step": self.step,
            "progress": progress,
            "decisions": decisions_state(self.deciding, self.outcome),
            **({"thresholds": [*thresholds]} if (thresholds := self.evaluation.thresholds) else {}),
            **training_state(self.train_step, self.parts.ema, self.schedule),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Args:
            state: The result of `state`.

        Raises:
            CheckpointError: The state belongs to another model or optimizer, or its epochs have another number of
                steps.
        """
        parts = self.parts
        require_place(state, parts.batching.steps, parts.recipe.train.max_steps)
        restore_training(self.train_step, parts.ema, self.schedule, state, parts.recipe.loss.entry.owner)
        self.epoch, self.step = state["epoch"], state["step"]
        self.outcome = restore_decisions(self.deciding, parts.recipe.selection, state)
        self._progress = self._final = None
        if state["progress"] is not None:
            self._progress = EpochProgress.from_state(state["progress"], parts.device)
        since = 0 if self._progress is None else self._progress.taken
        self.evaluation.restore(state.get("thresholds", ()), self.step - since)
