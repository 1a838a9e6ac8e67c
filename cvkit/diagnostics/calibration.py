"""A figure of the calibration: how well predicted probabilities match the accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import PercentFormatter

from ..engine.calibration import Calibration
from ..figures.artifacts import Figure
from ..figures.style import BLUE, INK, MUTED, ORANGE, render_figure
from ..formatting import percent


def reliability(calibration: Calibration, by_chance: float) -> Figure:
    """Return a reliability diagram: accuracy by confidence bin, and the number of images in each bin.

    `by_chance` is the error that right probabilities stay below in 95 % of samples.
    """
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
        f"accuracy and confidence over the images, in {bins} confidence bins of equal width. If the probabilities "
        f"were right, it would be below {percent(by_chance, 1)} in 95 % of samples of this size. Each bar shows the "
        "accuracy in a bin, and each dot the mean confidence. Where a bar ends below the diagonal, the model is "
        "overconfident; above it, underconfident."
    )
    return render_figure(
        "calibration", f"Calibration, ECE {percent(calibration.error, 1)}", caption, paint, height=4.7
    )
