"""Metrics of classification, each a function of all the logits and labels at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import PositiveInt
from torch import Tensor

if TYPE_CHECKING:
    from cvkit import DataInfo, Metric


def balanced_accuracy(info: DataInfo) -> Metric:
    """Return the mean of the classes' recalls, which counts each class alike however few its images are.

    Classes without an image are left out.
    """

    def value(logits: Tensor, labels: Tensor) -> float:
        hits, _, images = _counts(logits, labels, info.num_classes)
        there = images > 0
        return float((hits[there] / images[there]).mean())

    return value


def macro_f1(info: DataInfo) -> Metric:
    """Return the mean of the classes' F1 scores, each the harmonic mean of precision and recall.

    Classes that are neither a label nor a prediction are left out.
    """

    def value(logits: Tensor, labels: Tensor) -> float:
        hits, predicted, images = _counts(logits, labels, info.num_classes)
        there = predicted + images > 0
        return float((2 * hits[there] / (predicted + images)[there]).mean())

    return value


def top_k(info: DataInfo, *, k: PositiveInt = 5) -> Metric:
    """Return the fraction of images whose label is among the `k` most probable classes.

    Raises `ValueError` where there are no more than `k` classes, as the fraction is 1 then.
    """
    if k >= info.num_classes:
        raise ValueError(f"k must be less than the number of classes, {info.num_classes}, and it is {k}")

    def value(logits: Tensor, labels: Tensor) -> float:
        among = logits.topk(k, dim=1).indices == labels[:, None]
        return int(among.sum()) / len(labels)

    return value


def _counts(logits: Tensor, labels: Tensor, classes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return, for each class, how many images are hit, predicted and labelled so, as float64."""
    predicted = logits.argmax(dim=1)
    groups = (labels[predicted == labels], predicted, labels)
    hits, guesses, images = (torch.bincount(group, minlength=classes).double() for group in groups)
    return hits, guesses, images
