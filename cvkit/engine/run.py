"""A run: the resolved parts of a recipe at work.

`Run.fit` is a generator: it yields a `Step` after each optimizer step and a `Record` after each epoch, and
prints and saves nothing. Between any two of them `Run.state` is complete.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..errors import DivergedError, RunError
from ..recipe import AUTO, Part, Recipe, TunerPart
from .batches import open_source, read_whole
from .data import Splits
from .device import choose_device
from .loop import Batching, evaluate, train_steps
from .metrics import Predictions, Record
from .modes import evaluation_mode
from .parts import built
from .pixels import Pixels
from .plan import Plan
from .progress import EpochProgress
from .rehearsal import require_initialised, try_augmentations, try_loss, try_model
from .samples import SampleAugmentations
from .seeding import preserved_randomness, seed_everything
from .state import load_model_state, load_optimizer_state, model_state, optimizer_state
from .step import Autocast, Learner
from .trained import Trained
from .trial import Proposal, Trial

STAND_IN_RATE = 1e-3  # stands in for a learning rate that is still `auto`; a trial sets its own


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
        placing = (self.device, settings.resident, settings.workers)
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
        self.model = self._initialised_model()
        self._rehearse()
        self.ema = self._averaged_model()
        self.epoch = self.step = 0
        self._progress: EpochProgress | None = None
        self._predictions: Predictions | None = None
        self._learner: Learner | None = None
        self._scheduler: LRScheduler | None = None
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # shapes do not change from step to step

    def _initialised_model(self) -> nn.Module:
        with preserved_randomness():
            seed_everything("initialisation", self.recipe.seed)
            model: nn.Module = built(self.recipe.model, self.info)
        require_initialised(self.recipe.model.entry, model)
        memory_format = torch.channels_last if self.recipe.train.channels_last else torch.preserve_format
        return model.to(self.device, memory_format=memory_format)  # type: ignore[call-overload,no-any-return]  # torch's stub lacks it

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
            self._scheduler_of(self._learner_of(self.model, self.loss, self.pixels))

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
        return min(self.plan.total_steps, self.recipe.train.max_steps or self.plan.total_steps)

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
    def trial(self, purpose: str, repeat: int = 0) -> Iterator[Trial]:
        """Lend a copy of the run to train and throw away; the run and every global generator stay as they are.

        `purpose` and `repeat` name the trial's own order of samples and its own draws.
        """
        with preserved_randomness():
            model = copy.deepcopy(self.model)
            learner = self._learner_of(model, copy.deepcopy(self.loss), copy.deepcopy(self.pixels))
            yield Trial(learner, self.source, self.batching, self.recipe.seed, f"{purpose} {repeat}")

    def _learner_of(self, model: nn.Module, loss: nn.Module, pixels: Pixels) -> Learner:
        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = built(with_stand_ins(self.recipe.optimizer), weights)
        scaler = GradScaler(self.device.type, enabled=self.recipe.train.precision == "fp16")
        return Learner(model, model, loss, optimizer, pixels, self.autocast, scaler, self.recipe.train.clip_norm)

    def _scheduler_of(self, learner: Learner) -> LRScheduler:
        scheduler: LRScheduler = built(with_stand_ins(self.recipe.scheduler), learner.optimizer, self.plan)
        return scheduler

    def _compiled_model(self) -> Callable[[Tensor], Tensor]:
        """Return the compiled model, tried once; raise `RunError` where this machine cannot compile it."""
        compiled: Callable[[Tensor], Tensor] = torch.compile(self.model)
        inputs = self.pixels.for_evaluation(read_whole(self.splits.train, [0]).images.to(self.device))
        try:
            with preserved_randomness(), evaluation_mode(self.model), torch.no_grad():
                compiled(inputs)
        except Exception as error:  # whatever the compiler, its absence or the model's code raises
            reason = str(error).strip().splitlines()[0]
            raise RunError(f"train.compile: this model cannot be compiled here ({reason})") from error
        return compiled

    def prepare(self) -> Learner:
        """Make the optimizer and the schedule, if they are not made yet; nothing may be ``auto`` any more."""
        if self._learner is None:
            if waiting := sorted(self.recipe.autos()):
                raise RunError(f"{', '.join(waiting)}: still 'auto', and no tuner has filled it")
            self._learner = self._learner_of(self.model, self.loss, self.pixels)
            if self.recipe.train.compile:
                self._learner.forward = self._compiled_model()
            self._scheduler = self._scheduler_of(self._learner)
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
        steps = islice(steps, self.planned_steps - self.step)
        last_read = time.monotonic()
        progress.start_clock()
        group = learner.optimizer.param_groups[0]
        rate, momentum = float(group["lr"]), momentum_of(group)
        scale = learner.scaler.get_scale() if learner.scaler.is_enabled() else 1.0
        for loss, hits in steps:
            progress.add(loss, hits, self.batching.samples_in(progress.taken), rate, momentum)
            self.step += 1
            skipped = False
            if learner.scaler.is_enabled():
                skipped, scale = learner.scaler.get_scale() < scale, learner.scaler.get_scale()
            if self.step < self.plan.total_steps and not skipped:
                self._scheduler.step()  # type: ignore[union-attr]  # prepared with the learner
            if self.ema is not None:
                self.ema.update_parameters(self.model)
            rate, momentum = float(group["lr"]), momentum_of(group)
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
            "scheduler": self._scheduler.state_dict(),  # type: ignore[union-attr]  # prepared with the learner
            "scaler": learner.scaler.state_dict(),
            "progress": None if self._progress is None else self._progress.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from what `state` returned; raise `CheckpointError` where it is of another model or optimizer."""
        learner = self.prepare()
        load_model_state(self.model, state["model"])
        if self.ema is not None:
            load_model_state(self.ema, state["ema"])
        # The schedule first: making or loading one writes learning rates that the optimizer's state then corrects.
        self._scheduler.load_state_dict(state["scheduler"])  # type: ignore[union-attr]  # prepared with the learner
        load_optimizer_state(learner.optimizer, self.model, state["optimizer"])
        learner.scaler.load_state_dict(state["scaler"])
        self.epoch, self.step = state["epoch"], state["step"]
        self._progress = self._predictions = None
        if state["progress"] is not None:
            self._progress = EpochProgress.from_state(state["progress"], self.device)


def with_stand_ins(part: Part) -> Part:
    """Return a part whose options may still be ``auto`` with a learning rate there that a trial replaces."""
    return replace(part, options={k: STAND_IN_RATE if value == AUTO else value for k, value in part.options.items()})


def momentum_of(group: dict[str, Any]) -> float | None:
    """The momentum, or the first beta, of a parameter group."""
    if "momentum" in group:
        return float(group["momentum"])
    return float(group["betas"][0]) if "betas" in group else None
