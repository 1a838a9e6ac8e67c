"""Times training steps of one run in several variants, which take turns on copies of its parts."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch.amp.grad_scaler import GradScaler

from ..data.loading import Batch
from ..engine.building import own_copy
from ..engine.compilation import compiled
from ..engine.device import tried_kernels
from ..engine.forward import Autocast
from ..engine.parts import RunParts
from ..engine.step import TrainStep, needs_closure
from ..step_progress import during
from .budget import Budget
from .variant import Variant

_MOST_ROUNDS = 15
_HOPELESS = 3.0  # times as slow as the recipe in the first round, after which a variant takes no further turns


@dataclass(frozen=True)
class Timed:
    """The seconds of a step in each round, and those of the recipe's own step in the same rounds.

    Attributes:
        images: Images per step.
        seconds: The seconds of the variant.
        base: The seconds of the recipe as it is.
    """

    images: int
    seconds: tuple[float, ...]
    base: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Images per second; the median of the rounds."""
        return self.images / median(self.seconds)

    @property
    def ratios(self) -> tuple[float, float, float]:
        """The median, the lowest and the highest ratio of images/s to those of the recipe as it is."""
        found = [base / own for own, base in zip(self.seconds, self.base, strict=True)]
        return median(found), min(found), max(found)


class Steps:
    """Training steps of copies of a run's parts, which are not changed.

    Variants with the same memory format share a copy of the model, because only its time matters.
    """

    def __init__(self, parts: RunParts) -> None:
        self.parts = parts
        self._eager: dict[bool, TrainStep] = {}
        self._compiled: dict[Variant, TrainStep] = {}

    def of(self, variant: Variant) -> TrainStep:
        """Return the training step of a variant, which was compiled before if it has to be."""
        if variant.compile:
            return self._compiled[variant]
        step, device = self._with_format(variant.channels_last), self.parts.device
        scaler = GradScaler(device.type, enabled=variant.precision == "fp16")
        return replace(
            step, forward=replace(step.forward, autocast=Autocast(device, variant.precision)), scaler=scaler
        )

    def compile(self, variant: Variant, batch: Batch) -> None:
        """Compile the model of a variant for training on `batch`; raise `RunError` if that is impossible."""
        step = self.of(replace(variant, compile=False))
        call = compiled(step.forward.model, step.forward.preprocessor.for_evaluation(batch.images))
        made = replace(step, forward=replace(step.forward, call=call))
        self.seconds(made, batch)  # compiles the backward pass as well
        self._compiled[variant] = made

    @property
    def has_closure(self) -> bool:
        """Whether the optimizer computes the gradient several times, which fp16 does not support."""
        return needs_closure(self._with_format(self.parts.recipe.train.channels_last).optimizer)

    def _with_format(self, channels_last: bool) -> TrainStep:
        if channels_last not in self._eager:
            parts, entry = self.parts, self.parts.recipe.model.entry
            recipe = parts.recipe.with_value("train.precision", "fp32")
            memory_format = torch.channels_last if channels_last else torch.contiguous_format
            model = own_copy(entry, parts.model).to(memory_format=memory_format)
            loss = own_copy(parts.recipe.loss.entry, parts.loss)
            preprocessor = parts.preprocessor.in_memory_format(channels_last)
            self._eager[channels_last] = replace(parts, recipe=recipe).train_step(model, loss, preprocessor)
        return self._eager[channels_last]

    def batch(self, size: int) -> Batch:
        """Return the first `size` training images as training sees them."""
        return self.parts.first_images(copy.deepcopy(self.parts.sample_augmentations), size)

    def seconds(self, step: TrainStep, batch: Batch) -> float:
        """Return the seconds of one optimizer step on a batch."""
        step.forward.model.train()
        step.forward.loss.train()
        with tried_kernels(self.parts.device), step.freezing.during(0), during(self.parts.beginning):
            return self.timed(lambda: step.take([batch], len(batch.labels)))

    def augmentation_seconds(self, step: TrainStep, batch: Batch) -> float:
        """Return the seconds in which a batch is augmented and normalised on the device."""
        preprocessor = step.forward.preprocessor
        with during(self.parts.beginning):
            return self.timed(
                lambda: preprocessor.normalize(preprocessor.augment(batch.images, batch.labels, batch.soft)[0])
            )

    def timed(self, call: Callable[[], object]) -> float:
        """Return the seconds of a call, with everything that the device still has to do."""
        self._wait()
        begun = time.perf_counter()
        call()
        self._wait()
        return time.perf_counter() - begun

    def _wait(self) -> None:
        device = self.parts.device
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()


def take_turns(
    steps: Steps, variants: Sequence[Variant], batch: Batch, now: Variant, budget: Budget
) -> dict[Variant, Timed]:
    """Return the times of the variants, of which one is `now`, in rounds until the time is over.

    The order rotates, so a machine that becomes faster or slower favours none. The first round is not counted; at
    least one other is. A variant that was much slower in the first round has only that one, because its turns would
    take the time of the others.
    """
    seconds: dict[Variant, list[float]] = {variant: [] for variant in variants}

    def a_round(taking: Sequence[Variant]) -> float:
        for variant in taking:
            seconds[variant].append(steps.seconds(steps.of(variant), batch))
        return sum(seconds[variant][-1] for variant in taking)

    a_round(variants)
    first = {variant: each[0] for variant, each in seconds.items()}
    going = [variant for variant in variants if variant == now or first[variant] <= _HOPELESS * first[now]]
    needed = sum(first[variant] for variant in going)
    for turn in range(_MOST_ROUNDS):
        if turn and budget.left < needed:
            break
        start = turn % len(going)
        needed = a_round((*going[start:], *going[:start]))
    images, base = len(batch.labels), tuple(seconds[now][1:])
    return {
        variant: Timed(images, tuple(each[1:]), base)
        if variant in going
        else Timed(images, (each[0],), (first[now],))
        for variant, each in seconds.items()
    }
