"""`Measured`: what was measured, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .steps import Timed
from .variant import Variant

WORTH = 1.05
"""The least ratio of images/s at which another setting is proposed; smaller differences are noise."""

PARTS = ("model", "augmentation", "loader", "evaluation")


@dataclass(frozen=True)
class EpochTime:
    """The seconds of an epoch by what they are spent on, in the order of `PARTS`.

    `loader` is what steps wait for images; augmentations of single images belong to it.
    """

    model: float
    augmentation: float
    loader: float
    evaluation: float

    @property
    def seconds(self) -> float:
        """The seconds of an epoch with its evaluation."""
        return self.model + self.augmentation + self.loader + self.evaluation

    @property
    def shares(self) -> dict[str, float]:
        """The share of each part, the largest first."""
        found = {part: getattr(self, part) / self.seconds for part in PARTS}
        return dict(sorted(found.items(), key=lambda pair: -pair[1]))


@dataclass(frozen=True)
class Measured:
    """What was measured on this machine.

    Attributes:
        device: The device of the run, with its name.
        batch_size: Images per batch in the recipe.
        epochs: Epochs of the recipe, fewer if `train.max_steps` ends it within one.
        now: The variant of the recipe.
        steps: The times of each variant's steps.
        loading: Images/s of the loader alone, by number of processes; empty if the images are in memory.
        sizes: Images/s of a step of the fastest variant, by batch size.
        workers: The number of processes in the recipe.
        as_it_is: The seconds of an epoch of the recipe.
        fastest: The seconds of an epoch with the settings in `changes`.
        compile_seconds: How long compiling the model took, if it was compiled.
        left_out: A sentence for each setting that was not measured.
    """

    device: str
    batch_size: int
    epochs: float
    now: Variant
    steps: Mapping[Variant, Timed]
    loading: Mapping[int, float]
    sizes: Mapping[int, float]
    workers: int
    as_it_is: EpochTime
    fastest: EpochTime
    compile_seconds: float = 0.0
    left_out: tuple[str, ...] = ()

    @property
    def best(self) -> Variant:
        """The fastest variant, or that of the recipe if none is clearly faster."""
        return best_of(self.steps, self.now)

    @property
    def best_workers(self) -> int:
        """The smallest number of processes that loads about as fast as the fastest, if loading limits training."""
        return workers_of(self.loading, self.workers, self.steps[self.best].rate)

    @property
    def best_size(self) -> int:
        """The batch size with the most images/s, or that of the recipe if none is clearly faster."""
        if not self.sizes or self.batch_size not in self.sizes:
            return self.batch_size
        size = max(self.sizes, key=lambda each: self.sizes[each])
        return size if self.sizes[size] >= WORTH * self.sizes[self.batch_size] else self.batch_size

    @property
    def changes(self) -> dict[str, Any]:
        """The settings of `train` that make the recipe faster, without its batch size."""
        best, now = self.best, self.now
        values = {
            "precision": (now.precision, best.precision),
            "channels_last": (now.channels_last, best.channels_last),
            "compile": (now.compile, best.compile),
            "workers": (self.workers, self.best_workers),
        }
        return {name: new for name, (old, new) in values.items() if new != old}


def best_of(steps: Mapping[Variant, Timed], now: Variant) -> Variant:
    """Return the variant with the best median ratio to `now` that was faster in every round, or `now`."""
    ratios = {variant: timed.ratios for variant, timed in steps.items()}
    clear = {variant: middle for variant, (middle, least, _) in ratios.items() if middle >= WORTH and least > 1}
    return max(clear, key=lambda variant: clear[variant], default=now)


def workers_of(loading: Mapping[int, float], now: int, needed: float) -> int:
    """Return the number of processes to load with: the recipe's, unless another is clearly faster and is needed."""
    if now not in loading or loading[now] >= 2 * needed:  # loading never waits
        return now
    fastest = max(loading.values())
    if fastest < WORTH * loading[now]:
        return now
    return min(count for count, rate in loading.items() if rate * WORTH >= fastest)
