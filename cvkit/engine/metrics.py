"""Evaluate the metrics of a recipe on predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ..data.splits import DataInfo
from ..guard import Guard, shown
from ..recipe import Part
from ..recipe.metric_names import metric_names
from ..seeding import preserved_randomness
from .building import build_checked
from .predictions import Predictions, predictions_of


def evaluate_metrics(parts: Sequence[Part], info: DataInfo, predictions: Predictions) -> dict[str, float]:
    """Return the value of each metric by its name, in the recipe's order.

    Each evaluation builds new metrics, so no state passes from one evaluation to the next.

    Args:
        parts: The metrics of the recipe.
        info: Channels, size and classes of the data set.
        predictions: The predictions on a split.

    Raises:
        ComponentFailure: A metric fails or returns a number that is not finite.
    """
    if not parts:
        return {}
    with preserved_randomness():
        values = [_value(part, info, predictions) for part in parts]
    return dict(zip(metric_names(parts), values, strict=True))


def lower_is_better(parts: Sequence[Part], info: DataInfo) -> frozenset[str]:
    """Return the names of the metrics whose lowest value is the best, by their attribute `higher_is_better`.

    Raises `ComponentFailure` if the attribute is not a bool.
    """
    if not parts:
        return frozenset()
    with preserved_randomness():
        higher = [_higher_is_better(part, info) for part in parts]
    return frozenset(name for name, best in zip(metric_names(parts), higher, strict=True) if not best)


def _higher_is_better(part: Part, info: DataInfo) -> bool:
    usual = predictions_of(info.task).usual_thresholds(info.num_classes)
    higher = getattr(build_checked(part, info, usual), "higher_is_better", True)
    if not isinstance(higher, bool):
        raise Guard(part.entry).failure(f"has the attribute higher_is_better = {shown(higher)}; expected a bool")
    return higher


def try_metrics(parts: Sequence[Part], info: DataInfo) -> None:
    """Raise `ComponentFailure` if a metric fails on artificial predictions: one correct image of each class."""
    lower_is_better(parts, info)
    evaluate_metrics(parts, info, example_predictions(info))


def example_predictions(info: DataInfo) -> Predictions:
    """Return artificial predictions for trying components: one correct image of each class."""
    classes = info.num_classes
    return predictions_of(info.task)(torch.eye(classes), info.labels.examples(classes), loss=0.0)


def _value(part: Part, info: DataInfo, predictions: Predictions) -> float:
    metric = build_checked(part, info, predictions.thresholds)
    guard = Guard(part.entry, "fails on logits and labels")
    value: float = guard(lambda logits, labels: float(metric(logits, labels)), predictions.logits, predictions.labels)
    if not math.isfinite(value):
        raise guard.failure(f"returned {value}; expected a finite number")
    return value
