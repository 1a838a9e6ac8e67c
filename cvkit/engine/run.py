"""A run: the resolved parts of a recipe at work.

`Run.fit` is a generator: it yields a `Step` after each optimizer step and a `Record` after each epoch, and
prints and saves nothing. Between any two of them `Run.state` is complete.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..errors import DivergedError, RunError
from ..recipe import Recipe, TunerPart
from ..recipe.schema import TrainSettings
from .batches import Room, StreamedSource, open_source, read_whole
from .compilation import compiled
from .data import Splits
from .device import choose_device
from .holdout import held_apart
from .loop import Batching, evaluate, train_steps
from .metrics import Predictions, Record
from .modes import evaluation_mode
from .parts import built, initialised_model, with_stand_ins
from .pixels import Pixels
from .plan import Plan
from .progress import EpochProgress
from .rehearsal import try_augmentations, try_loss, try_model
from .samples import SampleAugmentations
from .schedule import Schedule
from .seeding import preserved_randomness
from .state import load_model_state, load_optimizer_state, model_state, optimizer_state
from .step import Autocast, Learner
from .trained import Trained
from .trial import Proposal, Trial


@dataclass(frozen=True)
class Step:
    """An optimizer step was taken: the `step`-th of the run (from 1), in `epoch` (from 1).

    `loss` is the epoch's running training loss as last read from the device, at most a few times a second.
    """

    step: int
    epoch: int
    samples: int
    loss: float


class Run:
    """The parts of `recipe` at work on the data in `splits`.

    Building one draws the initial weights; the optimizer and the schedule are made when training starts, once a
    tuner has filled what was ``auto``. Raises `RunError` where the settings do not fit the device or the data.
    """

    def __init__(self, recipe: Recipe, splits: Splits) -> None:
        settings = recipe.train
        self.recipe = recipe
        self.device = choose_device(settings.device, settings.precision)
        self.splits = splits
        self.info = splits.info
        augmentations = [(part.entry, built(part, self.info)) for part in recipe.augmentations]
        self.sample_augmentations = SampleAugmentations(
            (entry.id, augmentation) for entry, augmentation in augmentations if entry.component.per_sample
        )
        placing = (self.device, settings.resident, settings.workers, Room(self.device))
        self.source = open_source(splits.train, *placing, self.sample_augmentations)
        self.test_source = open_source(splits.test, *placing)
        self.batching = Batching(len(self.source), settings.batch_size, settings.accumulate, settings.drop_last)
        if self.batching.steps == 0:
            raise RunError(
                f"train.batch_size is {settings.batch_size}, but the training set holds {len(self.source)} images; "
                "use a smaller batch or train.drop_last: false"
            )
        self.plan = Plan(self.batching.steps, settings.epochs)
        self.autocast = Autocast(self.device, settings.precision)
        self._batch_augmentations = [pair for pair in augmentations if not pair[0].component.per_sample]
        batched = [augmentation for _, augmentation in self._batch_augmentations]
        self.pixels = Pixels(self.info, batched, self.device, settings.channels_last)
        self.loss: nn.Module = built(recipe.loss, self.info).to(self.device)
        self.model = initialised_model(recipe, self.info, self.device)
        self._rehearse()
        self.ema = self._averaged_model()
        self.epoch = self.step = 0
        self._progress: EpochProgress | None = None
        self._predictions: Predictions | None = None
        self._learner: Learner | None = None
        self.schedule: Schedule  # made with the learner

    def _rehearse(self) -> None:
        """Raise `RunError` unless the parts fit together, tried on two images; what is ``auto`` has a stand-in.

        A mistake found here costs seconds; found later, a range test.
        """
        pair = read_whole(self.splits.train, range(min(2, len(self.splits.train)))).images
        with preserved_randomness(), evaluation_mode(self.model), torch.no_grad():
            images = self.sample_augmentations.batch(pair, 0).to(self.device)
            floats = try_augmentations(self._batch_augmentations, self.pixels.to_float(images))
            model, classes = self.recipe.model.entry, self.info.num_classes
            try_model(model, self.model, self.pixels.normalize(floats), classes)
            logits = try_model(model, self.model, self.pixels.for_evaluation(pair.to(self.device)), classes)
            try_loss(self.recipe.loss.entry, self.loss, logits)
            self.new_schedule()

    def augmented(self, images: Tensor, draw: int) -> Tensor:
        """Return uint8 images (B, C, H, W) as training sees them, float in [0, 1]; `draw` seeds single images'."""
        return self.pixels.augment(self.sample_augmentations.batch(images, draw).to(self.device))

    def _averaged_model(self) -> AveragedModel | None:
        decay = self.recipe.train.ema
        if decay is None:
            return None
        return AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)

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

    def trained(self) -> Trained:
        """Return the model that is evaluated, in evaluation mode, with what it takes to ask it."""
        return Trained(self.trained_model.eval(), self.info, self.pixels, self.device, self.recipe.seed)

    def tune(self) -> Iterator[tuple[TunerPart, Proposal]]:
        """Run the recipe's tuners in order, filling each place that is ``auto``, and yield what they proposed.

        Raises `RunError` where a tuner proposes nothing for a place that waits for a value.
        """
        for tuner in self.recipe.tuners:
            proposal: Proposal = built(tuner, self)
            if tuner.sets in self.recipe.autos() and proposal.value is not None:
                self.recipe = self.recipe.with_value(tuner.sets, proposal.value)
            yield tuner, proposal
            if tuner.sets in self.recipe.autos():
                raise RunError(
                    f"{tuner.entry.id} proposes no value for {tuner.sets}: {proposal.reason}. "
                    f"Give one yourself: --set {tuner.sets}=VALUE"
                )

    @contextmanager
    def trial(self, purpose: str, repeat: int = 0, hold_out: int = 0) -> Iterator[Trial]:
        """Lend a copy of the run to train and throw away; the run and every global generator stay as they are.

        `purpose` and `repeat` name the trial's own order of samples and its own draws. `hold_out`: how many training
        images the trial does not train on, the same ones whenever the run's seed is; `Trial.held_out` evaluates them.
        Raises `RunError` where they would leave less than a batch.
        """
        with preserved_randomness():
            model, seed = copy.deepcopy(self.model), self.recipe.seed
            learner = self._learner_of(model, copy.deepcopy(self.loss), copy.deepcopy(self.pixels))
            images = self.source.with_own_state() if isinstance(self.source, StreamedSource) else self.source
            source, held = held_apart(images, self.splits.train, self.device, hold_out, seed)
            yield Trial(learner, source, self.batching, seed, f"{purpose} {repeat}", held)

    def _learner_of(self, model: nn.Module, loss: nn.Module, pixels: Pixels) -> Learner:
        optimizer = self._optimizer_of(model)
        scaler = GradScaler(self.device.type, enabled=self.recipe.train.precision == "fp16")
        return Learner(model, model, loss, optimizer, pixels, self.autocast, scaler, self.recipe.train.clip_norm)

    def _optimizer_of(self, model: nn.Module) -> Optimizer:
        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer: Optimizer = built(with_stand_ins(self.recipe.optimizer), weights)
        return optimizer

    def new_schedule(self, optimizer: Optimizer | None = None, settings: TrainSettings | None = None) -> Schedule:
        """Return the schedule at its first step, beside `optimizer` or a new one; what is ``auto`` has a stand-in.

        `settings`, in place of the recipe's, say what other epochs would make of it.
        """
        passes = (settings or self.recipe.train).passes
        plans = [Plan(self.batching.steps, epochs) for epochs in passes]
        return Schedule(self.recipe.scheduler, optimizer or self._optimizer_of(self.model), plans)

    def prepare(self) -> Learner:
        """Make the optimizer and the schedule, if they are not made yet; nothing may be ``auto`` any more."""
        if self._learner is None:
            if waiting := sorted(self.recipe.autos()):
                raise RunError(f"{', '.join(waiting)}: still 'auto', and no tuner has filled it")
            self._learner = self._learner_of(self.model, self.loss, self.pixels)
            if self.recipe.train.compile:
                image = read_whole(self.splits.train, [0]).images.to(self.device)
                batch = image.expand(self.recipe.train.batch_size, -1, -1, -1)
                self._learner.forward = compiled(self.model, self.pixels.for_evaluation(batch))
            self.schedule = self.new_schedule(self._learner.optimizer)
        return self._learner

    def fit(self) -> Iterator[Step | Record]:
        """Train from where the run stands to its end; yield after each optimizer step and after each epoch.

        Raises `DivergedError` when the loss is no longer finite: at once on a CPU, within a fraction of a second
        elsewhere, and always before an epoch's record.
        """
        learner = self.prepare()
        while not self.finished or self._progress is not None:
            progress = self._progress = self._progress or EpochProgress(self.batching.steps, self.device)
            yield from self._train_epoch(learner, progress)
            record = self._record(progress)
            self.epoch, self._progress = self.epoch + 1, None
            yield record

    def _train_epoch(self, learner: Learner, progress: EpochProgress) -> Iterator[Step]:
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
                self.ema.update_parameters(self.model)
            if self.device.type == "cpu" or time.monotonic() - last_read > 0.25:
                self._require_finite(progress)
                last_read = time.monotonic()
            progress.stop_clock()
            yield Step(self.step, self.epoch + 1, progress.samples, progress.last_loss)
            progress.start_clock()
        self._require_finite(progress)  # it waits for the device, so the clock has counted all of its work
        progress.stop_clock()

    def _require_finite(self, progress: EpochProgress) -> None:
        bad = progress.first_non_finite()
        if bad is not None:
            step = self.step - progress.taken + bad + 1
            raise DivergedError(
                f"the training loss became {progress.losses[bad].item()} at step {step} (epoch {self.epoch + 1}), at "
                f"a learning rate of {progress.rates[bad]:.3g}. Lower the learning rate, or set train.clip_norm"
            )

    def _record(self, progress: EpochProgress) -> Record:
        predictions = self._predictions = self.predict()
        if not math.isfinite(predictions.loss):
            raise DivergedError(
                f"the test loss is {predictions.loss} after epoch {self.epoch + 1}: the weights are no longer "
                "finite. Lower the learning rate, or set train.clip_norm"
            )
        flipped = self.predict(flip=True).accuracy if self.recipe.evaluation.flip_tta else None
        return progress.record(self.epoch + 1, self.step, predictions, flipped)

    def predict(self, flip: bool = False) -> Predictions:
        """Return what the model says of the test images; `flip` averages over mirror images too."""
        model = self.trained_model
        forward = self.prepare().forward if model is self.model else model
        batch_size = self.recipe.evaluation.batch_size
        return evaluate(forward, model, self.loss, self.test_source, self.pixels, self.autocast, batch_size, flip)

    def final_predictions(self) -> Predictions:
        """Return the predictions of the last epoch's evaluation, made again only after a restore."""
        return self._predictions or self.predict()

    def state(self) -> dict[str, Any]:
        """Return everything the rest of the run depends on, as a nest of plain values and tensors.

        Raises `DivergedError` where a weight is no longer finite, so that no checkpoint holds one.
        """
        learner = self.prepare()
        for name, parameter in self.model.named_parameters():
            if not torch.isfinite(parameter).all():
                raise DivergedError(f"{name} is no longer finite at step {self.step}; lower the learning rate")
        return {
            "epoch": self.epoch,
            "step": self.step,
            "model": model_state(self.model),
            "ema": None if self.ema is None else model_state(self.ema),
            "optimizer": optimizer_state(learner.optimizer, self.model),
            "schedule": self.schedule.state(),
            "scaler": learner.scaler.state_dict(),
            "progress": None if self._progress is None else self._progress.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned; raise `CheckpointError` where it is of another model or optimizer."""
        learner = self.prepare()
        load_model_state(self.model, state["model"])
        if self.ema is not None:
            load_model_state(self.ema, state["ema"])
        load_optimizer_state(learner.optimizer, self.model, state["optimizer"])
        self.schedule.restore(state.get("schedule", {"taken": state["step"]}))  # older checkpoints lack it
        learner.scaler.load_state_dict(state["scaler"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._progress = self._predictions = None
        if state["progress"] is not None:
            self._progress = EpochProgress.from_state(state["progress"], self.device)
