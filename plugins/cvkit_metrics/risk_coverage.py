"""A section of the report: how the error decreases if the least confident predictions are left to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field

from cvkit import Predictions, Section, Table, render_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas
    from torch import Tensor

Coverages = Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], Field(min_length=1)]


def risk_coverage(predictions: Predictions, *, coverages: Coverages = (1.0, 0.95, 0.9, 0.8, 0.5)) -> Section:
    """Return the error of the most confident predictions, for every share of images that is predicted.

    The images are sorted by the probability of the predicted class. The coverage is the share that is predicted, and
    the risk is the error among these images. The area under the curve is the mean risk over all coverages; it is
    lower if wrong predictions are less confident.

    Source: Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks", arXiv:1705.08500. The
    area: Geifman, Uziel and El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers",
    arXiv:1805.08206.

    Args:
        predictions: Predictions of the final model.
        coverages: The rows of the table: shares of the images, each above 0 and at most 1.

    Returns:
        A section with the curve and a table.
    """
    confidence, order = predictions.probabilities.amax(dim=1).sort(descending=True, stable=True)
    risks = risks_of(predictions.correct[order])
    rows = []
    for coverage in coverages:
        kept = max(1, round(coverage * len(risks)))
        row = (f"{100 * coverage:g} %", f"{kept:,}", f"{100 * risks[kept - 1]:.2f} %", f"{confidence[kept - 1]:.3f}")
        rows.append(row)
    area = float(risks.mean())
    caption = f"Area under the curve: {area:.4f}. {len(risks):,} {predictions.half or ''} images."
    header = ("coverage", "images", "error", "lowest confidence")
    table = Table("table", "Error by coverage", "", header, tuple(rows))
    figure = render_figure("curve", "Risk and coverage", caption, lambda canvas: _paint(canvas, risks))
    text = "If only the most confident predictions are used, this is their error."
    return Section("Risk and coverage", (figure, table), text)


def risks_of(correct: Tensor) -> Tensor:
    """Return the error among the first k predictions for k from 1 to N, float64 (N,); `correct` is bool (N,)."""
    return (~correct).double().cumsum(0) / torch.arange(1, len(correct) + 1)


def _paint(canvas: Canvas, risks: Tensor) -> None:
    axes = canvas.subplots()
    shares = torch.arange(1, len(risks) + 1) / len(risks)
    axes.plot(100 * shares.numpy(), 100 * risks.numpy())
    axes.set(xlabel="coverage (%)", ylabel="error (%)", xlim=(0, 100))
    axes.set_ylim(bottom=0)
