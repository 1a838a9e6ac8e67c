"""Choose by a value of each epoch's record: keep the weights of the best epoch, and stop early."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from torch import Tensor

from ..data.splits import Half, Splits
from ..errors import RunError
from ..recipe import Recipe
from ..recipe.settings import SelectionSettings
from ..tasks import TASKS
from .records import EpochRecord

Weights = dict[str, Tensor]


def evaluated_halves(recipe: Recipe, splits: Splits) -> tuple[Half, ...]:
    """Return the halves that are evaluated after each epoch. Choices are made by the first one."""
    if splits.validation is None:
        return ("test",)
    watched = recipe.evaluation.test == "each_epoch" and splits.test is not None
    return ("validation", "test") if watched else ("validation",)


class Selection:
    """Follows the recipe's `selection.metric` on the validation images.

    Args:
        settings: What is chosen.
        lower_is_better: The names of the recipe's metrics whose lowest value is the best.

    Attributes:
        epoch: The epoch with the best value so far; 0 before the first epoch.
        value: The best value so far, or None.
        stale: The number of epochs since the value last improved.
        weights: The evaluated weights of that epoch, or None if they are not kept.
        thresholds: The thresholds of the labels in that epoch; empty if each image has one class.
    """

    def __init__(self, settings: SelectionSettings, lower_is_better: Collection[str] = ()) -> None:
        self._settings = settings
        lowest = settings.metric == "loss" or settings.metric in lower_is_better
        self._maximizes = not lowest if settings.goal == "auto" else settings.goal == "max"
        self.epoch = self.stale = 0
        self.value: float | None = None
        self.weights: Weights | None = None
        self.thresholds: tuple[float, ...] = ()

    @property
    def stops(self) -> bool:
        """Whether the value has not improved for `selection.patience` epochs."""
        return self._settings.patience is not None and self.stale >= self._settings.patience

    def observe(self, record: EpochRecord, weights: Callable[[], Weights]) -> None:
        """Compare the record of an epoch with the best one, if the run chooses.

        Args:
            record: The record.
            weights: Returns a copy of the weights that the record measures.
        """
        if not self._settings.chooses:
            return
        value = value_of(record, self._settings.metric)
        gain = value - (value if self.value is None else self.value)
        improved = (gain if self._maximizes else -gain) > self._settings.min_change
        if self.value is not None and not improved:
            self.stale += 1
            return
        self.epoch, self.value, self.stale = record.epoch, value, 0
        self.thresholds = record.thresholds
        if self._settings.keep_best:
            self.weights = weights()

    def state(self) -> dict[str, Any] | None:
        """Return the state, or None before the first epoch and if nothing is chosen."""
        if not self._settings.chooses or self.value is None:
            return None
        kept = {"weights": self.weights, **({"thresholds": [*self.thresholds]} if self.thresholds else {})}
        return {"epoch": self.epoch, "value": self.value, "stale": self.stale, **kept}

    def restore(self, state: dict[str, Any] | None) -> None:
        """Continue from the result of `state`."""
        found = state or {"epoch": 0, "value": None, "stale": 0, "weights": None}
        self.epoch, self.value, self.stale = found["epoch"], found["value"], found["stale"]
        self.weights, self.thresholds = found["weights"], tuple(found.get("thresholds", ()))


def value_of(record: EpochRecord, metric: str) -> float:
    """Return the score, ``loss`` or one of the recipe's metrics, of the images that the run chooses by."""
    return {record.score_name: record.score, "loss": record.loss, **record.metrics}[metric]


def require_choice(settings: SelectionSettings, task: str, metrics: Sequence[str], has_validation: bool) -> None:
    """Raise `RunError` if the run cannot make the choices of `settings`.

    Args:
        settings: What is chosen.
        task: The task of the data set.
        metrics: The names of the recipe's metrics.
        has_validation: Whether the data set has validation images.
    """
    if not settings.chooses:
        return
    known = tuple(dict.fromkeys((TASKS[task].score, "loss", *metrics)))
    if settings.metric not in known:
        raise RunError(
            f"selection.metric is '{settings.metric}', but the records contain {', '.join(known)}; choose one of "
            "these, or add the metric to the recipe's metrics"
        )
    if not has_validation:
        raise RunError(
            "selection.keep_best and selection.patience need validation images, and the data set has none. A choice "
            "by the test images would make their accuracy too optimistic. Use a data set with validation images, "
            "such as image_folder with validation: 0.1"
        )
