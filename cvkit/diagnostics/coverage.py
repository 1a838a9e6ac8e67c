"""Selective prediction: the accuracy of the most confident predictions, for each share of the images that is kept."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import PercentFormatter

from ..engine.intervals import LEVEL, Share, lower_bounds, upper_bounds
from ..engine.per_sample import PerSample
from ..engine.predictions import Predictions
from ..figures.artifacts import Figure, Table
from ..figures.style import BLUE, INK, ORANGE, render_figure
from ..formatting import percent

CONFIDENCES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
"""The rows of the table: the lowest confidence of the images that are kept."""

_POINTS = 200  # of the curve
_FEWEST = 10  # images from which on the accuracy is drawn; that of fewer jumps
_SHOWN = 0.9  # the confidence in the caption


def coverage_curve(predictions: Predictions, threshold: float = 0.0) -> Figure:
    """Return the accuracy of the most confident predictions against the share of images that they are.

    A `threshold` above 0 is drawn as a point. Source: El-Yaniv and Wiener 2010, "On the Foundations of Noise-free
    Selective Classification", which draws the risk, 1 - accuracy.
    """
    confidence, order = PerSample.of(predictions).confidence.sort(descending=True, stable=True)
    right = predictions.correct[order].cumsum(0).numpy()
    total = len(right)
    kept = np.unique(np.linspace(min(_FEWEST, total), total, _POINTS).round().astype(int))
    hits = right[kept - 1]
    low, high = (bound(hits, kept, (1 - LEVEL) / 2) for bound in (lower_bounds, upper_bounds))
    above = int((confidence >= threshold).sum())

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        axes.fill_between(kept / total, low, high, color=BLUE, alpha=0.15, linewidth=0)
        axes.plot(kept / total, hits / kept, color=BLUE)
        if threshold and above:
            point = (above / total, right[above - 1] / above)
            axes.plot(*point, "o", color=ORANGE, markersize=6)
            axes.annotate("threshold", point, (0, 9), textcoords="offset points", ha="center", color=ORANGE, size=8)
        axes.axhline(right[-1] / total, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_title("accuracy of the images kept")
        axes.set_xlabel("coverage: the share of images kept, the most confident first")
        axes.set_xlim(0, 1)
        for axis in (axes.yaxis, axes.xaxis):
            axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))

    share = Share.where(predictions.correct[confidence_of(predictions) >= _SHOWN])
    sentence = (
        f"Above a confidence of {percent(_SHOWN)} are {percent(share.of / total)} of the images, of which "
        f"{percent(share.value, 1)} are right. "
        if share.of
        else f"No confidence is above {percent(_SHOWN)}. "
    )
    caption = (
        f"{sentence}The band is the 95 % interval at each point. The dashed line is the accuracy of all images. If "
        "the curve does not fall, the confidence does not separate right from wrong predictions."
    )
    return render_figure("coverage", "Accuracy by coverage", caption, paint)


def coverage_table(predictions: Predictions) -> Table:
    """Return, for some confidences, how many images are above them and how many of these are right."""
    confidence, total = confidence_of(predictions), len(predictions.labels)
    rows = []
    for least in CONFIDENCES:
        share = Share.where(predictions.correct[confidence >= least])
        rows.append((percent(least), f"{share.of:,}", percent(share.of / total, 1), share.text, share.interval))
    caption = "The images with at least this confidence, and how many of them are classified correctly."
    header = ("confidence", "images", "coverage", "accuracy", "95 % interval")
    return Table("coverage_table", "Coverage by confidence", caption, header, tuple(rows))


def confidence_of(predictions: Predictions) -> torch.Tensor:
    """Return the probability of the predicted class of each image, float32 (N,)."""
    return PerSample.of(predictions).confidence
