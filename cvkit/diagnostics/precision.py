"""Precision, recall and F1 of each class."""

from __future__ import annotations

import torch
from torch import Tensor

from ..engine.metrics import Predictions
from .artifacts import Table
from .style import legible, percent

_UNDEFINED = "\N{EN DASH}"


def per_class_scores(predictions: Predictions, classes: tuple[str, ...]) -> Table:
    """List each class's precision, recall, F1 and counts of test images, the lowest F1 first, then in label order.

    F1 is the harmonic mean of the two, 2 TP / (2 TP + FP + FN). A precision without a prediction and a recall without
    an image are not defined; neither is an F1 without both. Means over classes leave out what is not defined.
    """
    size = len(classes)
    images = torch.bincount(predictions.labels, minlength=size)
    named = torch.bincount(predictions.predicted, minlength=size)
    hits = torch.bincount(predictions.labels[predictions.correct], minlength=size)
    scores = torch.stack([hits / named, hits / images, 2 * hits / (named + images)], dim=1)  # 0 / 0 is not a number
    rows = tuple(
        (legible(classes[label]), *map(_percent, scores[label]), f"{images[label]:,}", f"{named[label]:,}")
        for label in scores[:, 2].nan_to_num(2.0).argsort(stable=True).tolist()
    )
    precision, recall, f1 = (_percent(column) for column in scores.nanmean(dim=0))
    caption = (
        "Precision: of the images given that class, the share that belong to it. Recall: of the images that belong "
        "to it, the share found. F1: their harmonic mean. Over classes, the mean precision is "
        f"{precision}, recall {recall} and F1 {f1}. Lowest F1 first."
    )
    header = ("class", "precision", "recall", "F1", "images", "predicted")
    return Table("per_class_scores", "Precision and recall by class", caption, header, rows)


def _percent(score: Tensor) -> str:
    return _UNDEFINED if score.isnan() else percent(float(score), 1)
