"""The recipe's metrics of a model's predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ..data.splits import DataInfo
from ..guard import Guard
from ..recipe import Part
from ..recipe.dump import in_one_line
from ..seeding import preserved_randomness
from .building import build_checked
from .records import Predictions


def evaluate_metrics(parts: Sequence[Part], info: DataInfo, predictions: Predictions) -> dict[str, float]:
    """Return the value of each metric by its name, in the recipe's order.

    Each metric is built anew, so it keeps nothing from one evaluation to the next.

    Args:
        parts: the metrics of the recipe.
        info: what is known of the data set.
        predictions: what the model says of a split.

    Raises:
        ComponentFailure: where a metric fails, or returns no finite number.
    """
    if not parts:
        return {}
    with preserved_randomness():
        values = [_value(part, info, predictions) for part in parts]
    return dict(zip(metric_names(parts), values, strict=True))


def try_metrics(parts: Sequence[Part], info: DataInfo) -> None:
    """Raise `ComponentFailure` where a metric fails on made-up predictions: one image of each class, all correct."""
    classes = info.num_classes
    evaluate_metrics(parts, info, Predictions(torch.eye(classes), torch.arange(classes), loss=0.0))


def metric_names(parts: Sequence[Part]) -> list[str]:
    """Return what each metric's value is called in records.

    That is the component's name with the options that are not its defaults, as in ``top_k(k=3)``, and its full id in
    place of the name where two metrics would be called the same.
    """
    names = [_named(part, part.entry.member or part.entry.component.name) for part in parts]
    return [
        name if names.count(name) == 1 else _named(part, part.entry.id)
        for name, part in zip(names, parts, strict=True)
    ]


def _named(part: Part, name: str) -> str:
    chosen = {key: value for key, value in part.options.items() if value != part.option(key).default}
    options = ", ".join(f"{key}={in_one_line(value)}" for key, value in chosen.items())
    return f"{name}({options})" if options else name


def _value(part: Part, info: DataInfo, predictions: Predictions) -> float:
    metric, guard = build_checked(part, info), Guard(part.entry, "fails on logits and labels")
    value: float = guard(lambda logits, labels: float(metric(logits, labels)), predictions.logits, predictions.labels)
    if not math.isfinite(value):
        raise guard.failure(f"returned {value}, where a finite number is needed")
    return value
