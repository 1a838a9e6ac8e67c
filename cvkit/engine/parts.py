"""The parts of a run: the components and data of a recipe, built and opened."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from ..checkpoint.state_dicts import named_weights
from ..data.holdout import Subset, some_of, split_holdout
from ..data.label_forms import stacked
from ..data.loading import Batch, BatchSource, DataLoaderSource
from ..data.preprocessing import Preprocessor
from ..data.resizing import framed
from ..data.sample_augmentation import SampleAugmentations
from ..data.splits import DataInfo, Half, Splits
from ..errors import Problem, RecipeError, RunError
from ..guard import Guard, Guards
from ..recipe import Recipe
from ..recipe.checker import TUNABLE
from ..recipe.settings import TrainSettings
from ..seeding import preserved_randomness
from ..step_progress import Progress, during
from ..world.world import World
from .averaging import Averaged
from .background import Background, background_of
from .building import build_checked, own_copy, with_placeholder_lr
from .compressed import Compressed
from .finetuning import FineTuning
from .forward import Autocast, ForwardPass
from .loop import EpochBatches
from .parameter_groups import apply_factors
from .replicas import Replicas
from .sampling import Sampling
from .schedule import Schedule
from .selection import evaluated_halves
from .step import TrainStep, needs_closure
from .step_plan import StepPlan
from .trial import Trial


@dataclass(frozen=True)
class RunParts:
    """The parts of a run, which `build_parts` creates and checks.

    A trainer changes the weights of `model` and `loss`, and their average in `ema`. A tuner trains a copy, which
    `trial` creates.

    Attributes:
        recipe: The resolved recipe.
        splits: Training, validation and test images.
        device: The device of the run.
        train_source: Batches of training images.
        sources: Batches of the validation and test images, by half.
        batching: The division of an epoch's samples into steps.
        sampling: The order of the training images in each epoch.
        sample_augmentations: Augmentations of single images.
        preprocessor: Augmentations of batches, and normalisation.
        model: The model.
        loss: The loss.
        finetuning: What is trained at which rate, and the first weights.
        ema: The averaged weights; None if the recipe does not average them.
        warnings: Lines that readers need to interpret the numbers of the run.
        world: The processes that train the run together.
    """

    recipe: Recipe
    splits: Splits
    device: torch.device
    train_source: BatchSource
    sources: Mapping[Half, BatchSource]
    batching: EpochBatches
    sampling: Sampling
    sample_augmentations: SampleAugmentations
    preprocessor: Preprocessor
    model: nn.Module
    loss: nn.Module
    finetuning: FineTuning
    ema: Averaged | None = None
    warnings: tuple[str, ...] = ()
    world: World = field(default_factory=World)

    @property
    def info(self) -> DataInfo:
        """Channels, size and classes of the data."""
        return self.splits.info

    @property
    def evaluated(self) -> tuple[Half, ...]:
        """The halves that are evaluated after each epoch. Choices are made by the first one."""
        return evaluated_halves(self.recipe, self.splits)

    @property
    def plan(self) -> StepPlan:
        """The optimizer steps in an epoch, and the planned epochs."""
        return StepPlan(self.batching.steps, self.recipe.train.epochs)

    @property
    def planned_steps(self) -> int:
        """The total number of optimizer steps in the run."""
        return self.recipe.train.steps(self.batching.steps)

    @property
    def beginning(self) -> Progress:
        """The progress before the first step, which parts see where they are tried or shown."""
        return Progress.of(0, 0, self.batching.steps, self.planned_steps)

    @property
    def trained_model(self) -> nn.Module:
        """The model that is evaluated: the averaged one if `train.ema` is set."""
        return self.model if self.ema is None else self.ema.module

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the processes that load images from one epoch to the next within the block."""
        with ExitStack() as stack:
            for source in (self.train_source, *(self.sources[half] for half in self.evaluated)):
                stack.enter_context(source.kept_open())
            yield

    def forward(self, model: nn.Module, loss: nn.Module, preprocessor: Preprocessor) -> ForwardPass:
        """Return a forward pass in the recipe's precision.

        Args:
            model: The model.
            loss: The loss.
            preprocessor: Turns images into model inputs.
        """
        autocast = Autocast(self.device, self.recipe.train.precision)
        weights = self.recipe.train.loss_weights
        return ForwardPass(model, model, loss, preprocessor, autocast, Guards.of(self.recipe), weights)

    def train_step(self, model: nn.Module, loss: nn.Module, preprocessor: Preprocessor) -> TrainStep:
        """Return a training step with a new optimizer.

        Args:
            model: The model to train.
            loss: The loss; its weights are trained too.
            preprocessor: Turns images into model inputs.
        """
        optimizer = self._optimizer_of(model, loss)
        scaler = GradScaler(self.device.type, enabled=self.recipe.train.precision == "fp16")
        if scaler.is_enabled() and needs_closure(optimizer):
            raise RunError(
                f"{self.recipe.optimizer.entry.owner} computes the gradient several times in a step, which "
                "train.precision: fp16 does not support; use bf16 or fp32"
            )
        freezing = self.finetuning.freezing(model)
        forward = self.forward(model, loss, preprocessor)
        replicas = Replicas(self.world, model, loss)
        return TrainStep(forward, optimizer, scaler, self.recipe.train.clip_norm, freezing, replicas)

    def copied_train_step(self) -> TrainStep:
        """Return a training step on copies of model, loss and augmentations.

        Raises:
            ComponentFailure: A part cannot be copied.
        """
        model = own_copy(self.recipe.model.entry, self.model)
        loss = own_copy(self.recipe.loss.entry, self.loss)
        return self.train_step(model, loss, copy.deepcopy(self.preprocessor))

    def new_schedule(self, optimizer: Optimizer | None = None, settings: TrainSettings | None = None) -> Schedule:
        """Return the schedule at its first step. An ``auto`` rate has a placeholder.

        Args:
            optimizer: The optimizer to schedule; None for a new one with copies of the weights.
            settings: Replaces the recipe's settings, for example to compare other numbers of epochs.
        """
        passes = (settings or self.recipe.train).passes
        plans = [StepPlan(self.batching.steps, epochs) for epochs in passes]
        if optimizer is None:
            optimizer = self._optimizer_of(self.model, self.loss, copies=True)
        return Schedule(self.recipe.scheduler, optimizer, plans)

    def _optimizer_of(self, model: nn.Module, loss: nn.Module, copies: bool = False) -> Optimizer:
        """Return a new optimizer for the weights of `model` and `loss`, or for copies of these weights."""
        part = with_placeholder_lr(self.recipe.optimizer)
        names = {id(weight): name for name, weight in named_weights(model, loss).items()}
        buffers = [(name, each) for name, each in model.named_buffers() if each.is_floating_point()]
        groups = self.finetuning.groups(model, loss)
        if not groups:
            pairs = _named(_trainable(model, loss), names, copies)
            optimizer: Optimizer = build_checked(part, [weight for _, weight in pairs], pairs, buffers)
            return optimizer
        named: list[dict[str, Any]] = [
            {"params": _named(group.weights, names, copies), "name": group.name} for group in groups
        ]
        plain = [{**group, "params": [weight for _, weight in group["params"]]} for group in named]
        optimizer = build_checked(part, plain, named, buffers)
        apply_factors(optimizer, groups, Guard(part.entry))
        return optimizer

    def augmented(self, images: Iterable[Tensor], draw: int, labels: Tensor | None = None) -> Tensor:
        """Return images as training sees them, without changing the state of the run's augmentations.

        Args:
            images: Images, uint8 (C, H, W); of any size if the data set's info has a framing.
            draw: The seed of the augmentations of single images.
            labels: The labels of the images, for augmentations that mix; None for the first class.

        Returns:
            Augmented images, float (B, C, H', W') in [0, 1], on the run's device.
        """
        samples, preprocessor = copy.deepcopy((self.sample_augmentations, self.preprocessor))
        with during(self.beginning):
            batch = samples.batch(images, draw).to(self.device)
            given = self.info.labels.examples(self.info.num_classes)[[0] * len(batch)] if labels is None else labels
            mixed, _ = preprocessor.augment(batch, given.to(self.device))
            return mixed

    def first_images(self, samples: SampleAugmentations, count: int) -> Batch:
        """Return the first training images as a batch on the device.

        Args:
            samples: Augmentations of single images to apply.
            count: The number of images.
        """
        first = [self.splits.train[index] for index in range(min(count, len(self.splits.train)))]
        labels = stacked([label for _, label in first])
        with during(self.beginning):
            images = samples.batch([image for image, _ in first], 0)
        soft = self.sampling.soft_labels
        given = None if soft is None else soft[: len(first)].to(self.device)
        return Batch(images.to(self.device), labels.to(self.device), given)

    def background(self) -> Background:
        """Return the sample of training images that explainers may compare images with; it is read on first use."""

        def inputs(images: Tensor) -> Tensor:
            return self.preprocessor.for_evaluation(images.to(self.device))

        return background_of(lambda: self.splits.train, self.info, inputs, self.recipe.seed)

    @contextmanager
    def trial(
        self,
        purpose: str,
        repeat: int = 0,
        hold_out: int = 0,
        *,
        values: Mapping[str, Any] = MappingProxyType({}),
        scheduled: bool = False,
        steps: int | None = None,
        validate: int = 0,
    ) -> Iterator[Trial]:
        """Create a copy of the parts for a trial training, as a context manager.

        The run and the global random generators are not modified.

        Args:
            purpose: Names the trial. Its order of samples and its random draws depend on it.
            repeat: Distinguishes trials with the same purpose.
            hold_out: Training images that the trial does not train on. They depend only on the run's seed.
                `Trial.held_out` evaluates them.
            values: Options of the optimizer and the scheduler that replace the recipe's, as in
                ``{"optimizer.weight_decay": 0.01}``.
            scheduled: Whether the recipe's scheduler sets the learning rate after each step.
            steps: Steps in which the trial follows the complete run: its schedule, its frozen weights and its
                progress; None to follow the beginning of the run.
            validate: Number of validation images, chosen by the run's seed, that `Trial.held_out` evaluates instead
                of training images.

        Yields:
            The trial.

        Raises:
            RunError: The remaining images do not fill a batch, or the run has no validation images.
            RecipeError: The recipe does not accept one of `values`.
        """
        parts = self
        for path, value in values.items():
            if path.partition(".")[0] not in TUNABLE:
                message = f"a trial can change options of {' and '.join(TUNABLE)}, not '{path}'"
                raise RecipeError([Problem(message)])
            parts = replace(parts, recipe=parts.recipe.with_value(path, value))
        with preserved_randomness():
            step, seed = parts.copied_train_step(), self.recipe.seed
            source = self.train_source
            images = source.separate() if isinstance(source, DataLoaderSource) else source
            images, held = split_holdout(images, framed(self.splits.train, self.info), self.device, hold_out, seed)
            if validate:
                held = some_of(self._validation_source, validate, seed)
            schedule, train = parts.new_schedule if scheduled else None, parts.recipe.train
            sampling = self.sampling.of(images.indices) if isinstance(images, Subset) else self.sampling
            course = None if steps is None else Compressed(steps, self.planned_steps, self.batching.steps)
            named = f"{purpose} {repeat}"
            with images.kept_open():
                yield Trial(step, images, self.batching, sampling, seed, named, train, held, schedule, course)

    @property
    def _validation_source(self) -> BatchSource:
        if "validation" not in self.sources:
            raise RunError("this run has no validation images; hold training images out: run.trial(hold_out=500)")
        return self.sources["validation"]


def _named(weights: list[nn.Parameter], names: Mapping[int, str], copies: bool) -> list[tuple[str, nn.Parameter]]:
    """Return the weights, or copies of them, with their names."""
    own = [nn.Parameter(weight.detach().clone()) for weight in weights] if copies else weights
    return [(names[id(weight)], chosen) for weight, chosen in zip(weights, own, strict=True)]


def _trainable(*modules: nn.Module) -> list[nn.Parameter]:
    """Return the trainable weights in the order of the modules."""
    return [weight for module in modules for weight in module.parameters() if weight.requires_grad]
