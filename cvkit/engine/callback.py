"""What a callback sees and answers: it is asked before each step and after each epoch, and decides by a value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..data.splits import HOW_TO_HAVE_VALIDATION_IMAGES
from ..step_progress import Progress
from ..tasks import SINGLE_LABEL
from .records import EpochRecord

Goal = Literal["max", "min"]


@dataclass(frozen=True)
class Decision:
    """The answer of a callback. The default changes nothing, like None.

    Attributes:
        stop: End training after this epoch. Only after an epoch.
        keep: Keep the evaluated weights of this epoch as the result of the run, instead of those kept before or of
            the last epoch. Only after an epoch.
        lr_factor: Multiply the learning rates of the following steps by this factor, at least 0, until this callback
            answers another factor or rate. 1 leaves the rates to the scheduler again.
        lr: Use this learning rate, at least 0, in the following steps instead of the scheduler's, until this callback
            answers another factor or rate. It is the rate of the first parameter group, the head; other groups keep
            their ratios to it.
        reason: Why, as a phrase without a period, such as ``the validation loss did not improve for 3 epochs``. The
            run prints it and the report shows it for decisions after an epoch.

    Raises:
        ValueError: A value has the wrong type or range, or both a factor and a rate are given.
    """

    stop: bool = False
    keep: bool = False
    lr_factor: float | None = None
    lr: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        for name in ("stop", "keep"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} must be true or false, got {getattr(self, name)!r}")
        for name in ("lr_factor", "lr"):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if value is not None and not (number and math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")
        if self.lr_factor is not None and self.lr is not None:
            raise ValueError("lr_factor and lr exclude each other; give one of them")
        if not isinstance(self.reason, str):
            raise ValueError(f"reason must be a text, got {self.reason!r}")


class Callback:
    """Decides while a run trains, by the values that it returns; it changes nothing else.

    Write a subclass with the methods that you need. A callback sees counters and records. It does not see the loss of
    a single step, because reading it would make the host wait for a GPU: `EpochRecord.step_losses` has them.
    """

    def before_step(self, progress: Progress, /) -> Decision | None:
        """Decide before an optimizer step is taken. Only the learning rate can be changed here.

        The CPU's global generators are seeded before this call and before `after_epoch`, so what is drawn depends
        only on the seed, and on the step or the epoch.

        Args:
            progress: Epoch and step, from 0, and the planned number of both.

        Returns:
            What changes from this step on, or None.
        """
        return None

    def after_epoch(self, record: EpochRecord, /) -> Decision | None:
        """Decide after an epoch was evaluated.

        Args:
            record: The record of the epoch, without the values of the test images: nothing is chosen by them. If
                there are no validation images, `score`, `accuracy` and `loss` are NaN, and `metrics` is empty. Decide
                by `score`, the main score of any task: `accuracy` is NaN if images have sets of labels.

        Returns:
            What changes, or None.
        """
        return None

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint: numbers, strings, lists, dicts and tensors.

        By default, these are all attributes, as for torch's schedulers.
        """
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Continue from a state.

        Args:
            state: The result of `state_dict`.
        """
        vars(self).update(state)


@dataclass(frozen=True)
class Goals:
    """The values of an epoch record that a callback may decide by.

    Attributes:
        best: For each value by its name, whether the highest (``max``) or the lowest (``min``) is the best. It has
            ``train_loss`` and, if there are validation images, ``loss``, the recipe's metrics, and ``accuracy``, or
            ``mean_average_precision`` for images with a set of labels.
        score: The name of the main score, ``accuracy`` or ``mean_average_precision``.
    """

    best: Mapping[str, Goal]
    score: str = SINGLE_LABEL.score

    def of(self, metric: str | None = None, goal: Literal["auto", "max", "min"] = "auto") -> Goal:
        """Return whether the highest or the lowest value of a metric is the best.

        Args:
            metric: The name of the value; None for the main score.
            goal: The option of a callback; ``auto`` for what the metric declares.

        Raises:
            ValueError: The run cannot decide by this value.
        """
        metric = metric or self.score
        if metric in self.best:
            return self.best[metric] if goal == "auto" else goal
        if "loss" not in self.best:
            raise ValueError(
                f"metric '{metric}' needs validation images, and the data set has none. A choice by the test images "
                f"would make their accuracy too optimistic. Use metric: {', '.join(self.best)}, or "
                f"{HOW_TO_HAVE_VALIDATION_IMAGES}"
            )
        raise ValueError(
            f"metric is '{metric}', but the records contain {', '.join(self.best)}; choose one of these, or add the "
            "metric to the recipe's metrics"
        )

    @staticmethod
    def named(metric: str) -> str:
        """Return the name of a value for readers, such as ``validation loss``.

        Args:
            metric: The name of the value.
        """
        return "training loss" if metric == "train_loss" else f"validation {metric}"
