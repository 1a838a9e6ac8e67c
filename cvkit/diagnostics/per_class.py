"""Metrics by class: accuracy, precision, recall and F1."""

from __future__ import annotations

from typing import Any

import torch
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from ..engine.predictions import Predictions
from ..figures.artifacts import Figure, Table
from ..figures.style import BLUE, FAINT, INK, MUTED, render_figure
from ..formatting import legible, percent, score_percent

_UNDEFINED = "\N{EN DASH}"
_ALL = 40  # classes; if there are more, only the highest and lowest are shown, half each


def per_class_accuracy(predictions: Predictions, classes: tuple[str, ...]) -> Figure:
    """Return a bar chart of each class's accuracy, highest first, with counts and the mean over classes.

    With more than 40 classes, only the 20 highest and the 20 lowest are shown. Classes without a test image are
    omitted.
    """
    totals = torch.bincount(predictions.labels, minlength=len(classes))
    hits = torch.bincount(predictions.labels[predictions.correct], minlength=len(classes))
    present = totals.nonzero().flatten()
    accuracy = hits / totals.clamp(min=1)
    mean = float(accuracy[present].mean())
    share: list[float] = accuracy.tolist()
    ranked: list[int | None] = [*present[accuracy[present].argsort(descending=True, stable=True)].tolist()]
    if len(ranked) > _ALL:
        ranked = [*ranked[: _ALL // 2], None, *ranked[-_ALL // 2 :]]

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        small: dict[str, Any] = {"fontsize": 8, "color": MUTED}
        for row, label in enumerate(ranked):
            if label is None:
                continue
            axes.barh(row, 1, color=FAINT, height=0.72)
            axes.barh(row, share[label], color=BLUE, height=0.72)
            for text, offset in ((percent(share[label], 1), 40), (f"{hits[label]:,}/{totals[label]:,}", 92)):
                axes.annotate(
                    text, (1, row), (offset, 0), textcoords="offset points", ha="right", va="center", **small
                )
        names = ["···" if label is None else legible(classes[label], 20) for label in ranked]
        axes.set_yticks(range(len(ranked)), names, parse_math=False)
        axes.axvline(mean, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_title(f"mean {score_percent(mean)}", x=mean, loc="center", fontsize=8, fontweight="normal", pad=4)
        axes.set(xlim=(0, 1), ylim=(len(ranked) - 0.5, -0.5))
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        axes.spines[:].set_visible(False)
        axes.grid(visible=False)
        axes.tick_params(length=0)

    caption = f"The share of each class's {predictions.half} images that were classified correctly, with counts."
    if None in ranked:
        caption += (
            f" The figure shows the {_ALL // 2} highest and the {_ALL // 2} lowest of {len(present):,} classes. The "
            "mean is over all classes."
        )
    if absent := len(classes) - len(present):
        caption += f" Omitted: {absent:,} {'class' if absent == 1 else 'classes'} without a {predictions.half} image."
    return render_figure(
        "per_class_accuracy", "Accuracy by class", caption, paint, height=0.7 + 0.22 * max(len(ranked), 5)
    )


def per_class_scores(predictions: Predictions, classes: tuple[str, ...]) -> Table:
    """Return a table of precision, recall, F1 and image counts by class, lowest F1 first, then by label.

    F1 is the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN). Precision is undefined without a
    prediction, recall without an image, and F1 without both. Means over classes ignore undefined values.
    """
    size = len(classes)
    images = torch.bincount(predictions.labels, minlength=size)
    named = torch.bincount(predictions.predicted, minlength=size)
    hits = torch.bincount(predictions.labels[predictions.correct], minlength=size)
    scores = torch.stack([hits / named, hits / images, 2 * hits / (named + images)], dim=1)  # 0 / 0 gives NaN
    rows = tuple(
        (legible(classes[label]), *map(_percent, scores[label]), f"{images[label]:,}", f"{named[label]:,}")
        for label in scores[:, 2].nan_to_num(2.0).argsort(stable=True).tolist()
    )
    precision, recall, f1 = (_percent(column) for column in scores.nanmean(dim=0))
    caption = (
        "Precision: the share of images predicted as this class that belong to it. Recall: the share of this class's "
        "images that were predicted as it. F1: the harmonic mean of both. The means over classes are: precision "
        f"{precision}, recall {recall}, F1 {f1}. The lowest F1 comes first."
    )
    header = ("class", "precision", "recall", "F1", "images", "predicted")
    return Table("per_class_scores", "Precision and recall by class", caption, header, rows)


def _percent(score: Tensor) -> str:
    return _UNDEFINED if score.isnan() else percent(float(score), 1)
