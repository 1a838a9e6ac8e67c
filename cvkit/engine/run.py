"""A run: the resolved parts of a recipe at work.

`Run.fit` is a generator: it yields a `Step` after each optimizer step and a `EpochRecord` after each epoch, and
prints and saves nothing. Between any two of them `Run.state` is complete.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from ..checkpoint.state_dicts import load_model_state, model_state
from ..data.checking import checked
from ..data.holdout import split_holdout
from ..data.loading import Batch, DataLoaderSource, DeviceBudget, materialize, open_source
from ..data.preprocessing import Preprocessor
from ..data.sample_augmentation import SampleAugmentations
from ..data.splits import Splits
from ..errors import ComponentFailure, DivergedError, RunError
from ..guard import Guard, Guards
from ..recipe import Recipe, TunerPart
from ..recipe.settings import TrainSettings
from ..resource_errors import Shortage, told_as_machine
from ..seeding import preserved_randomness, seed_everything
from .averaging import Averaged, too_long
from .building import build_checked, drawn, initialised_loss, initialised_model, own_copy, with_placeholder_lr
from .compilation import compiled
from .device import choose_device
from .loop import EpochBatches, evaluate, train_steps
from .progress import EpochProgress
from .records import EpochRecord, Predictions
from .resumable import require_finite_weights, require_place, restore_training, training_state
from .sanity_check import SanityCheck
from .schedule import Schedule
from .step import Autocast, TrainStep
from .step_plan import StepPlan
from .trained_model import TrainedModel
from .trial import Proposal, Trial

_LESS_TRAINING = "start a new run with a smaller train.batch_size; train.accumulate keeps the images of a step"
_LESS_EVALUATION = "continue with a smaller one: --set evaluation.batch_size=N"


@dataclass(frozen=True)
class Step:
    """An optimizer step was taken: the `step`-th of the run (from 1), in `epoch` (from 1).

    `loss` is the epoch's running training loss as last read from the device, at most a few times a second.
    `ends_epoch`: all of the epoch's steps are taken, and its evaluation comes next.
    """

    step: int
    epoch: int
    samples: int
    loss: float
    ends_epoch: bool = False


class Run:
    """The parts of `recipe` at work on the data in `splits`.

    Building one draws the initial weights; the optimizer and the schedule are made when training starts, once a
    tuner has filled what was ``auto``. Raises `RunError` where the settings do not fit the device or the data.
    """

    def __init__(self, recipe: Recipe, splits: Splits) -> None:
        settings = recipe.train
        self.recipe = recipe
        self.device = choose_device(settings.device, settings.precision)
        self.splits = checked(splits, recipe.dataset.entry)
        self.info = splits.info
        self.warnings: list[str] = []
        augmentations = [
            (part.entry, drawn(recipe, "initialisation of an augmentation", part, self.info, number))
            for number, part in enumerate(recipe.augmentations, start=1)
        ]
        self.sample_augmentations = SampleAugmentations(
            pair for pair in augmentations if pair[0].component.per_sample
        )
        placing = (self.device, settings.resident, settings.workers, DeviceBudget(self.device))
        self.source = open_source(self.splits.train, *placing, self.sample_augmentations)
        self.test_source = open_source(self.splits.test, *placing)
        self.batching = EpochBatches(len(self.source), settings.batch_size, settings.accumulate, settings.drop_last)
        if self.batching.steps == 0:
            raise RunError(
                f"train.batch_size is {settings.batch_size}, but the training set holds {len(self.source)} images; "
                "use a smaller batch or train.drop_last: false"
            )
        self.plan = StepPlan(self.batching.steps, settings.epochs)
        self.autocast = Autocast(self.device, settings.precision)
        self._batch_augmentations = [pair for pair in augmentations if not pair[0].component.per_sample]
        self.pixels = Preprocessor(self.info, self._batch_augmentations, self.device, settings.channels_last)
        self.loss = initialised_loss(recipe, self.info, self.device)
        with told_as_machine("building the model", {Shortage.MEMORY: "use a smaller model"}):
            self.model = initialised_model(recipe, self.info, self.device)
        self._sanity_check()
        self.ema = self._averaged_model()
        self.epoch = self.step = 0
        self._progress: EpochProgress | None = None
        self._predictions: Predictions | None = None
        self._learner: TrainStep | None = None
        self.schedule: Schedule  # made with the learner

    def _sanity_check(self) -> None:
        """Raise `RunError` unless the parts fit together, tried on copies; what is ``auto`` has a stand-in.

        A mistake found here costs seconds; found later, a range test, or an epoch. Warns of explainers that cannot
        explain the model, and where there is no copy to train.
        """
        with preserved_randomness():
            seed_everything("rehearsal", self.recipe.seed)
            try:
                learner, copied = self._copied_learner(), True
            except ComponentFailure as error:
                self.warnings.append(f"no training step was tried before the run, as {error}")
                learner, copied = self._learner_of(self.model, self.loss, self.pixels), False
            samples = copy.deepcopy(self.sample_augmentations)
            rehearsal = SanityCheck(
                learner, self.new_schedule(learner.optimizer), partial(self._first_images, samples)
            )
            rehearsal.evaluate(self.info.num_classes)
            if copied:
                rehearsal.train(self.batching)
                rehearsal.keep()
                load_model_state(learner.model, model_state(self.model))
                self.warnings += rehearsal.explain(self.recipe.explainers)

    def _first_images(self, samples: SampleAugmentations, count: int) -> Batch:
        first = materialize(self.splits.train, range(min(count, len(self.splits.train))))
        return Batch(samples.batch(first.images, 0).to(self.device), first.labels.to(self.device))

    def _copied_learner(self) -> TrainStep:
        """Return a learner of copies of model, loss and augmentations, with an optimizer of its own."""
        model = own_copy(self.recipe.model.entry, self.model)
        return self._learner_of(model, own_copy(self.recipe.loss.entry, self.loss), copy.deepcopy(self.pixels))

    def augmented(self, images: Tensor, draw: int) -> Tensor:
        """Return uint8 images (B, C, H, W) as training sees them, float in [0, 1]; `draw` seeds single images'.

        Copies of the augmentations do it, so that those at work keep whatever they keep.
        """
        samples, pixels = copy.deepcopy((self.sample_augmentations, self.pixels))
        return pixels.augment(samples.batch(images, draw).to(self.device))

    def _averaged_model(self) -> Averaged | None:
        decay = self.recipe.train.ema
        if decay is None:
            return None
        if warning := too_long(decay, self.planned_steps):
            self.warnings.append(warning)
        return Guard(self.recipe.model.entry, "cannot be averaged")(Averaged, self.model, decay)  # type: ignore[no-any-return]

    @property
    def finished(self) -> bool:
        """Whether every planned epoch, or `train.max_steps`, has been reached."""
        limit = self.recipe.train.max_steps
        return self.epoch >= self.plan.epochs or (limit is not None and self.step >= limit)

    @property
    def planned_steps(self) -> int:
        """How many optimizer steps the run will take in all."""
        return self.recipe.train.steps(self.batching.steps)

    @property
    def trained_model(self) -> nn.Module:
        """The model that is evaluated: the averaged one where `train.ema` is set."""
        return self.model if self.ema is None else self.ema.module

    def trained(self) -> TrainedModel:
        """Return the model that is evaluated, in evaluation mode, with what it takes to ask it.

        While the run has steps to take it is a copy, which stays as it is now: what is asked of it, and how, changes
        nothing of what trains. Afterwards it is the model itself.
        """
        done = self.finished and self._progress is None
        model = self.trained_model if done else own_copy(self.recipe.model.entry, self.trained_model)
        return TrainedModel(model.eval(), self.info, self.pixels, self.device, self.recipe.seed)

    def tune(self) -> Iterator[tuple[TunerPart, Proposal]]:
        """Run the recipe's tuners in order, filling each place that is ``auto``, and yield what they proposed.

        Raises `RunError` where a tuner proposes nothing for a place that waits for a value.
        """
        for tuner in self.recipe.tuners:
            proposal: Proposal = build_checked(tuner, self)
            if tuner.target in self.recipe.unresolved() and proposal.value is not None:
                self.recipe = self.recipe.with_value(tuner.target, proposal.value)
            yield tuner, proposal
            if tuner.target in self.recipe.unresolved():
                raise RunError(
                    f"{tuner.entry.id} proposes no value for {tuner.target}: {proposal.reason}. "
                    f"Give one yourself: --set {tuner.target}=VALUE"
                )

    @contextmanager
    def trial(self, purpose: str, repeat: int = 0, hold_out: int = 0) -> Iterator[Trial]:
        """Lend a copy of the run to train and throw away; the run and every global generator stay as they are.

        `purpose` and `repeat` name the trial's own order of samples and its own draws. `hold_out`: how many training
        images the trial does not train on, the same ones whenever the run's seed is; `Trial.held_out` evaluates them.
        Raises `RunError` where they would leave less than a batch.
        """
        with preserved_randomness():
            learner, seed = self._copied_learner(), self.recipe.seed
            images = self.source.with_own_state() if isinstance(self.source, DataLoaderSource) else self.source
            source, held = split_holdout(images, self.splits.train, self.device, hold_out, seed)
            yield Trial(learner, source, self.batching, seed, f"{purpose} {repeat}", held)

    def _learner_of(self, model: nn.Module, loss: nn.Module, pixels: Preprocessor) -> TrainStep:
        optimizer = self._optimizer_of(_trainable(model, loss))
        scaler = GradScaler(self.device.type, enabled=self.recipe.train.precision == "fp16")
        guards, clip_norm = Guards.of(self.recipe), self.recipe.train.clip_norm
        return TrainStep(model, model, loss, optimizer, pixels, self.autocast, scaler, guards, clip_norm)

    def _optimizer_of(self, weights: list[nn.Parameter]) -> Optimizer:
        optimizer: Optimizer = build_checked(with_placeholder_lr(self.recipe.optimizer), weights)
        return optimizer

    def new_schedule(self, optimizer: Optimizer | None = None, settings: TrainSettings | None = None) -> Schedule:
        """Return the schedule at its first step, beside `optimizer` or a new one; what is ``auto`` has a stand-in.

        A new one is of copies of the weights. `settings`, in place of the recipe's, say what other epochs would make
        of the schedule.
        """
        passes = (settings or self.recipe.train).passes
        plans = [StepPlan(self.batching.steps, epochs) for epochs in passes]
        if optimizer is None:
            copies = [nn.Parameter(weight.detach().clone()) for weight in _trainable(self.model, self.loss)]
            optimizer = self._optimizer_of(copies)
        return Schedule(self.recipe.scheduler, optimizer, plans)

    def prepare(self) -> TrainStep:
        """Make the optimizer and the schedule, if they are not made yet; nothing may be ``auto`` any more."""
        if self._learner is None:
            if waiting := sorted(self.recipe.unresolved()):
                raise RunError(f"{', '.join(waiting)}: still 'auto', and no tuner has filled it")
            self._learner = self._learner_of(self.model, self.loss, self.pixels)
            if self.recipe.train.compile:
                image = materialize(self.splits.train, [0]).images.to(self.device)
                batch = image.expand(self.recipe.train.batch_size, -1, -1, -1)
                self._learner.forward = compiled(self.model, self.pixels.for_evaluation(batch))
            self.schedule = self.new_schedule(self._learner.optimizer)
        return self._learner

    def fit(self) -> Generator[Step | EpochRecord, None, None]:
        """Train from where the run stands to its end; yield after each optimizer step and after each epoch.

        Raises `DivergedError` when the loss is no longer finite: at once on a CPU, within a fraction of a second
        elsewhere, and always before the last step of an epoch is yielded. Raises `MachineError` where memory
        runs out.
        """
        learner = self.prepare()
        while not self.finished or self._progress is not None:
            progress = self._progress = self._progress or EpochProgress(self.batching.steps, self.device)
            with told_as_machine("training", {Shortage.MEMORY: _LESS_TRAINING}):
                yield from self._train_epoch(learner, progress)
            record = self._record(progress)
            self.epoch, self._progress = self.epoch + 1, None
            yield record

    def _train_epoch(self, learner: TrainStep, progress: EpochProgress) -> Iterator[Step]:
        steps = train_steps(learner, self.source, self.batching, self.recipe.seed, self.epoch, progress.taken)
        steps = islice(steps, max(0, self.planned_steps - self.step))
        last_read = time.monotonic()
        progress.start_clock()
        scale = learner.scaler.get_scale()  # 1 unless precision is fp16
        for loss, hits in steps:
            progress.add(loss, hits, self.batching.samples_in(progress.taken), *self.schedule.setting)
            self.step += 1
            before, scale = scale, learner.scaler.get_scale()
            if scale >= before:  # it is lowered where a gradient overflowed and the optimizer took no step
                self.schedule.step()
            if self.ema is not None:
                self.ema.update(self.model)
            ends_epoch = progress.taken == self.batching.steps or self.step == self.planned_steps
            if ends_epoch or self.device.type == "cpu" or time.monotonic() - last_read > 0.25:
                self._require_finite(progress)  # it waits for the device, so the clock has counted all of its work
                last_read = time.monotonic()
            progress.stop_clock()
            yield Step(self.step, self.epoch + 1, progress.samples, progress.last_loss, ends_epoch)
            progress.start_clock()
        progress.stop_clock()

    def _require_finite(self, progress: EpochProgress) -> None:
        bad = progress.first_non_finite()
        if bad is not None:
            step = self.step - progress.taken + bad + 1
            raise DivergedError(
                f"the training loss became {progress.losses[bad].item()} at step {step} (epoch {self.epoch + 1}), at "
                f"a learning rate of {progress.rates[bad]:.3g}. Lower the learning rate, or set train.clip_norm"
            )

    def _record(self, progress: EpochProgress) -> EpochRecord:
        predictions = self._predictions = self.predict()
        if not math.isfinite(predictions.loss):
            raise DivergedError(
                f"the test loss is {predictions.loss} after epoch {self.epoch + 1}: the weights are no longer "
                "finite. Lower the learning rate, or set train.clip_norm"
            )
        flipped = self.predict(flip=True) if self.recipe.evaluation.flip_tta else None
        unaveraged = None if self.ema is None else self._evaluated(self.prepare())
        return progress.record(self.epoch + 1, self.step, predictions, flipped, unaveraged)

    def predict(self, flip: bool = False) -> Predictions:
        """Return what the model says of the test images; `flip` averages over mirror images too."""
        learner = self.prepare()
        if self.ema is not None:
            learner = replace(learner, model=self.ema.module, forward=self.ema.module)
        return self._evaluated(learner, flip)

    def _evaluated(self, learner: TrainStep, flip: bool = False) -> Predictions:
        size = self.evaluation_batch
        with told_as_machine(f"evaluating batches of {size} images", {Shortage.MEMORY: _LESS_EVALUATION}):
            return evaluate(learner, self.test_source, size, flip)

    @property
    def evaluation_batch(self) -> int:
        """How many test images are evaluated at once: streamed ones never more than train together.

        Workers hand streamed batches over in shared memory, and a machine is known to hold those of the training.
        """
        size = self.recipe.evaluation.batch_size
        return min(size, self.recipe.train.batch_size) if isinstance(self.test_source, DataLoaderSource) else size

    def final_predictions(self) -> Predictions:
        """Return the predictions of the last epoch's evaluation, made again only after a restore."""
        return self._predictions or self.predict()

    def state(self) -> dict[str, Any]:
        """Return everything the rest of the run depends on, as a nest of plain values and tensors.

        Raises `DivergedError` where a weight is no longer finite, so that no checkpoint holds one.
        """
        learner = self.prepare()
        require_finite_weights(learner, self.step)
        progress = None if self._progress is None else self._progress.state()
        return {
            "epoch": self.epoch,
            "step": self.step,
            "progress": progress,
            **training_state(learner, self.ema, self.schedule),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned.

        Raises `CheckpointError` where it is of another model or optimizer, or of epochs of another number of steps.
        """
        learner = self.prepare()
        require_place(state, self.batching.steps, self.recipe.train.max_steps)
        restore_training(learner, self.ema, self.schedule, state, self.recipe.loss.entry.owner)
        self.epoch, self.step = state["epoch"], state["step"]
        self._progress = self._predictions = None
        if state["progress"] is not None:
            self._progress = EpochProgress.from_state(state["progress"], self.device)


def _trainable(*modules: nn.Module) -> list[nn.Parameter]:
    """Return the weights that an optimizer moves, in order."""
    return [weight for module in modules for weight in module.parameters() if weight.requires_grad]
