"""Metrics of classification; each is a function of all logits and labels of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from pydantic import PositiveInt
from torch import Tensor

if TYPE_CHECKING:
    from cvkit import DataInfo, Metric


def balanced_accuracy(info: DataInfo) -> Metric:
    """Return the mean recall over classes, in which every class has the same weight.

    Classes without images are skipped.
    """

    def value(logits: Tensor, labels: Tensor) -> float:
        hits, _, images = _counts(logits, labels, info.num_classes)
        there = images > 0
        return float((hits[there] / images[there]).mean())

    return value


def macro_f1(info: DataInfo) -> Metric:
    """Return the mean F1 score over classes; F1 is the harmonic mean of precision and recall.

    Classes without images and predictions are skipped.
    """

    def value(logits: Tensor, labels: Tensor) -> float:
        hits, predicted, images = _counts(logits, labels, info.num_classes)
        there = predicted + images > 0
        return float((2 * hits[there] / (predicted + images)[there]).mean())

    return value


def top_k(info: DataInfo, *, k: PositiveInt = 5) -> Metric:
    """Return the fraction of images whose label is among the `k` most probable classes.

    Args:
        info: The classes of the data set.
        k: The number of classes to consider; at least 1, and less than the number of classes.

    Raises:
        ValueError: There are at most `k` classes, so the fraction would always be 1.
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
