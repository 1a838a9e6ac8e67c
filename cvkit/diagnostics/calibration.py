"""Calibration: how well predicted probabilities match the accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from ..engine.per_sample import PerSample
from ..engine.records import Predictions
from ..figures.artifacts import Figure
from ..figures.style import BLUE, INK, MUTED, ORANGE, render_figure
from ..formatting import percent

BINS = 15
"""The number of bins of equal width. Source: Guo et al. 2017, arXiv:1706.04599."""


@dataclass(frozen=True)
class Calibration:
    """Test images grouped by confidence. Bin i of M contains confidences in (i/M, (i+1)/M].

    Attributes:
        counts: Images in each bin, int64 (M,).
        confidence: Mean confidence in each bin, float64 (M,); 0 in an empty bin.
        accuracy: Accuracy in each bin, float64 (M,); 0 in an empty bin.
        uncertainty: Standard error of `excess` over images.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    uncertainty: float

    @classmethod
    def of(cls, predictions: Predictions, bins: int = BINS) -> Calibration:
        """Return the calibration of one or more predictions."""
        confidence = PerSample.of(predictions).confidence.double()
        places = ((confidence * bins).ceil().long() - 1).clamp(0, bins - 1)
        counts = torch.bincount(places, minlength=bins)
        sums = (
            torch.bincount(places, weights=values, minlength=bins)
            for values in (confidence, predictions.correct.double())
        )
        confidences, accuracies = (total / counts.clamp(min=1) for total in sums)
        gaps = confidence - predictions.correct.double()
        uncertainty = float(gaps.std(correction=0)) / len(gaps) ** 0.5
        return cls(counts.numpy(), confidences.numpy(), accuracies.numpy(), uncertainty)

    @property
    def error(self) -> float:
        """The expected calibration error in [0, 1]: the mean difference between accuracy and confidence over images.

        ``sum(counts / n * abs(accuracy - confidence))``, equation 3 of Guo et al. 2017.
        """
        return float(np.abs(self.accuracy - self.confidence) @ self.counts / self.counts.sum())

    @property
    def excess(self) -> float:
        """The mean confidence minus the accuracy, in [-1, 1]. It is positive if the model is overconfident."""
        return float((self.confidence - self.accuracy) @ self.counts / self.counts.sum())

    @property
    def excess_interval(self) -> tuple[float, float]:
        """The 95 % interval of `excess` over images: 1.96 standard errors on each side (normal approximation)."""
        return self.excess - 1.96 * self.uncertainty, self.excess + 1.96 * self.uncertainty


def reliability(calibration: Calibration) -> Figure:
    """Return a reliability diagram: accuracy by confidence bin, and the number of images in each bin."""
    bins = len(calibration.counts)
    centres, width = (np.arange(bins) + 0.5) / bins, 1 / bins
    filled = calibration.counts > 0

    def paint(canvas: Canvas) -> None:
        upper, lower = canvas.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.bar(centres[filled], calibration.accuracy[filled], 0.9 * width, color=BLUE)
        upper.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=(0, (4, 3)))
        upper.plot(calibration.confidence[filled], calibration.confidence[filled], "o", color=ORANGE, markersize=3.5)
        upper.set_title("accuracy")
        upper.set_ylim(0, 1.02)
        lower.bar(centres[filled], calibration.counts[filled], 0.9 * width, color=MUTED)
        small: dict[str, Any] = {"ha": "center", "fontsize": 6, "color": MUTED}
        for bar in zip(centres[filled], calibration.counts[filled], strict=True):
            lower.annotate(f"{bar[1]:,}", bar, (0, 1.5), textcoords="offset points", **small)
        lower.set_title("images")
        lower.set_yticks([])
        lower.margins(y=0.2)
        lower.set_xlabel("confidence: the probability of the predicted class")
        lower.set_xlim(0, 1)
        for axis in (upper.yaxis, lower.xaxis):
            axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))

    caption = (
        f"The expected calibration error (ECE) is {percent(calibration.error, 1)}. It is the mean difference between "
        f"accuracy and confidence over the images, in {bins} confidence bins of equal width. Each bar shows the "
        "accuracy in a bin, and each dot the mean confidence. Where a bar ends below the diagonal, the model is "
        "overconfident; above it, underconfident."
    )
    return render_figure(
        "calibration", f"Calibration, ECE {percent(calibration.error, 1)}", caption, paint, height=4.7
    )
