"""The parts of a run: what a recipe names, built, and the data it names, opened."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from ..data.holdout import split_holdout
from ..data.loading import Batch, BatchSource, DataLoaderSource, materialize
from ..data.preprocessing import Preprocessor
from ..data.sample_augmentation import SampleAugmentations
from ..data.splits import DataInfo, Splits
from ..guard import Guards
from ..recipe import Recipe
from ..recipe.settings import TrainSettings
from ..seeding import preserved_randomness
from .averaging import Averaged
from .building import build_checked, own_copy, with_placeholder_lr
from .forward import Autocast, ForwardPass
from .loop import EpochBatches
from .schedule import Schedule
from .step import TrainStep
from .step_plan import StepPlan
from .trial import Trial


@dataclass(frozen=True)
class RunParts:
    """The parts of `recipe`, built; `cvkit.engine.assembly.build_parts` makes them and checks that they fit together.

    A trainer changes the weights of `model` and `loss`, and keeps their average in `ema` where the recipe asks for
    one; a tuner trains a copy, which `trial` lends. `batching` says how an epoch's samples fall into steps.
    `warnings`: what a reader of the run's numbers must know.
    """

    recipe: Recipe
    splits: Splits
    device: torch.device
    train_source: BatchSource
    test_source: BatchSource
    batching: EpochBatches
    sample_augmentations: SampleAugmentations
    preprocessor: Preprocessor
    model: nn.Module
    loss: nn.Module
    ema: Averaged | None = None
    warnings: tuple[str, ...] = ()

    @property
    def info(self) -> DataInfo:
        """What is known of the data."""
        return self.splits.info

    @property
    def plan(self) -> StepPlan:
        """The steps of an epoch, and the planned epochs."""
        return StepPlan(self.batching.steps, self.recipe.train.epochs)

    @property
    def planned_steps(self) -> int:
        """How many optimizer steps a run takes in all."""
        return self.recipe.train.steps(self.batching.steps)

    @property
    def trained_model(self) -> nn.Module:
        """The model that is evaluated: the averaged one where `train.ema` is set."""
        return self.model if self.ema is None else self.ema.module

    def forward(self, model: nn.Module, loss: nn.Module, preprocessor: Preprocessor) -> ForwardPass:
        """Return the forward pass of `model` and `loss`, in the recipe's precision."""
        autocast = Autocast(self.device, self.recipe.train.precision)
        return ForwardPass(model, model, loss, preprocessor, autocast, Guards.of(self.recipe))

    def train_step(self, model: nn.Module, loss: nn.Module, preprocessor: Preprocessor) -> TrainStep:
        """Return the training step of `model` and `loss`, with a new optimizer of their weights."""
        optimizer = self._optimizer_of(_trainable(model, loss))
        scaler = GradScaler(self.device.type, enabled=self.recipe.train.precision == "fp16")
        return TrainStep(self.forward(model, loss, preprocessor), optimizer, scaler, self.recipe.train.clip_norm)

    def copied_train_step(self) -> TrainStep:
        """Return a training step of copies of model, loss and augmentations; raise `ComponentFailure` without one."""
        model = own_copy(self.recipe.model.entry, self.model)
        loss = own_copy(self.recipe.loss.entry, self.loss)
        return self.train_step(model, loss, copy.deepcopy(self.preprocessor))

    def new_schedule(self, optimizer: Optimizer | None = None, settings: TrainSettings | None = None) -> Schedule:
        """Return the schedule at its first step, beside `optimizer` or a new one; an ``auto`` rate has a placeholder.

        A new one is of copies of the weights. `settings`, in place of the recipe's, say what other epochs would make
        of the schedule.
        """
        passes = (settings or self.recipe.train).passes
        plans = [StepPlan(self.batching.steps, epochs) for epochs in passes]
        if optimizer is None:
            copies = [nn.Parameter(weight.detach().clone()) for weight in _trainable(self.model, self.loss)]
            optimizer = self._optimizer_of(copies)
        return Schedule(self.recipe.scheduler, optimizer, plans)

    def _optimizer_of(self, weights: list[nn.Parameter]) -> Optimizer:
        optimizer: Optimizer = build_checked(with_placeholder_lr(self.recipe.optimizer), weights)
        return optimizer

    def augmented(self, images: Tensor, draw: int) -> Tensor:
        """Return uint8 images (B, C, H, W) as training sees them, float in [0, 1]; `draw` seeds single images'.

        Copies of the augmentations do it, so that those at work keep whatever they keep.
        """
        samples, preprocessor = copy.deepcopy((self.sample_augmentations, self.preprocessor))
        return preprocessor.augment(samples.batch(images, draw).to(self.device))

    def first_images(self, samples: SampleAugmentations, count: int) -> Batch:
        """Return the first `count` training images as a batch on the device, augmented by `samples` one by one."""
        first = materialize(self.splits.train, range(min(count, len(self.splits.train))))
        return Batch(samples.batch(first.images, 0).to(self.device), first.labels.to(self.device))

    @contextmanager
    def trial(
        self,
        purpose: str,
        repeat: int = 0,
        hold_out: int = 0,
        *,
        values: Mapping[str, Any] = MappingProxyType({}),
        scheduled: bool = False,
    ) -> Iterator[Trial]:
        """Lend a copy of the parts to train and throw away; these and every global generator stay as they are.

        `purpose` and `repeat` name the trial's own order of samples and its own draws. `hold_out`: how many training
        images the trial does not train on, the same ones whenever the run's seed is; `Trial.held_out` evaluates them.
        `values`: options of the optimizer and the scheduler in place of the recipe's, as in
        ``{"optimizer.weight_decay": 0.01}``. `scheduled`: whether the recipe's scheduler moves the learning rate
        after each step. Raises `RunError` where fewer images than a batch remain, `RecipeError` for a value that the
        recipe does not accept.
        """
        parts = self
        for path, value in values.items():
            parts = replace(parts, recipe=parts.recipe.with_value(path, value))
        with preserved_randomness():
            step, seed = parts.copied_train_step(), self.recipe.seed
            source = self.train_source
            images = source.with_own_state() if isinstance(source, DataLoaderSource) else source
            images, held = split_holdout(images, self.splits.train, self.device, hold_out, seed)
            schedule = parts.new_schedule(step.optimizer) if scheduled else None
            yield Trial(step, images, self.batching, seed, f"{purpose} {repeat}", held, schedule)


def _trainable(*modules: nn.Module) -> list[nn.Parameter]:
    """Return the weights that an optimizer moves, in order."""
    return [weight for module in modules for weight in module.parameters() if weight.requires_grad]
