"""The confusion matrix, and the pairs of classes that are confused most often."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray
from torch import Tensor

from ..engine.predictions import Predictions
from ..figures.artifacts import Figure, Table
from ..figures.style import INK, render_figure
from ..formatting import counted, legible, percent

Counts = NDArray[np.int64]
Shares = NDArray[np.float64]

_ANNOTATED = 20  # classes; with more, numbers in the cells are too small to read
_NAMED = 40  # classes; with more, names along the axes are too small to read
_CELLS = 200  # cells per side; with more, a cell is thinner than a pixel, so neighbouring classes share one
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709


def confusion_matrix(predictions: Predictions, num_classes: int) -> Tensor:
    """Count images by true class (row) and predicted class (column); return int64 (K, K)."""
    flat = predictions.labels * num_classes + predictions.predicted
    return torch.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes)


def confusion(predictions: Predictions, classes: tuple[str, ...]) -> Figure:
    """Return a figure of the confusion matrix: rows show shares of the true class.

    Correct predictions are blue, errors orange. With up to 20 classes the cells contain numbers, and with up to 40
    the axes show names. With more than 200, neighbouring classes share a cell.
    """
    block = -(-len(classes) // _CELLS)
    counts = _pooled(confusion_matrix(predictions, len(classes)).numpy(), block)
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    worst = float((shares * (1 - np.eye(len(shares)))).max())
    colours = _coloured(shares, worst)

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        axes.imshow(colours, interpolation="nearest")
        axes.grid(visible=False)
        axes.tick_params(length=0)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        if len(classes) > _NAMED:
            axes.set(xticks=[], yticks=[])
            return
        axes.spines[:].set_visible(False)
        _name_axes(axes, classes)
        if len(classes) <= _ANNOTATED:
            _write_cells(axes, shares, counts, colours)

    caption = (
        f"{counted(len(predictions.labels), f'{predictions.half} image')}. Each row is a true class "
        "and adds up to 100 %. Blue "
        f"cells are correct classifications. Orange cells are errors; the darkest is {percent(worst, 1)} of its row."
        if worst
        else f"There are no errors on {counted(len(predictions.labels), f'{predictions.half} image')}."
    )
    if block > 1:
        caption += (
            f" Each cell combines {block} x {block} neighbouring classes; blue cells include errors among them."
        )
    return render_figure("confusion", "Confusion matrix", caption, paint, height=4.7)


def confused_pairs(predictions: Predictions, classes: tuple[str, ...], n: int = 10) -> Table:
    """Return a table of up to `n` pairs of classes that are confused most often, by count, then by label."""
    counts = confusion_matrix(predictions, len(classes))
    totals = counts.sum(dim=1)
    errors = counts.clone().fill_diagonal_(0).flatten()
    ranked = errors.argsort(descending=True, stable=True)[:n].tolist()
    rows = tuple(
        (
            legible(classes[true]),
            legible(classes[predicted]),
            f"{errors[pair]:,}",
            percent(float(errors[pair] / totals[true]), 1),
        )
        for pair in ranked
        if errors[pair]
        for true, predicted in [divmod(pair, len(classes))]
    )
    caption = (
        "The most frequent errors, with their share of the true class."
        if rows
        else f"No {predictions.half} image was misclassified."
    )
    header = ("true class", "taken for", "images", "share")
    return Table("confused_pairs", "Most confused classes", caption, header, rows)


def _pooled(counts: Counts, block: int) -> Counts:
    """Sum blocks of `block` x `block` cells. The last row and column of blocks may be smaller."""
    starts = np.arange(0, len(counts), block)
    return np.asarray(np.add.reduceat(np.add.reduceat(counts, starts, axis=0), starts, axis=1))


def _coloured(shares: Shares, worst: float) -> Shares:
    """Return colours (K, K, 3) for shares (K, K). Errors use the square root of the share, so that rare ones show."""
    correct = colormaps["Blues"](0.12 + 0.75 * shares)[..., :3]
    errors = colormaps["Oranges"](0.7 * np.sqrt(shares / (worst or 1)).clip(max=1))[..., :3]
    errors[shares == 0] = 1
    return np.where(np.eye(len(shares), dtype=bool)[..., None], correct, errors)


def _name_axes(axes: Axes, classes: tuple[str, ...]) -> None:
    names = [legible(name, 16) for name in classes]
    size = 8.5 if len(names) <= 12 else 7 if len(names) <= _ANNOTATED else 5.5
    upright = len(names) > 6 or max(map(len, names)) > 8
    axes.set_xticks(range(len(names)), names, fontsize=size, rotation=90 * upright, parse_math=False)
    axes.set_yticks(range(len(names)), names, fontsize=size, parse_math=False)


def _write_cells(axes: Axes, shares: Shares, counts: Counts, colours: Shares) -> None:
    """Write the percentage into each cell that is not empty, with the count for up to 6 classes."""
    size = 9 if len(counts) <= 10 else 5.5
    for row, column in zip(*np.nonzero(counts), strict=True):
        share = percent(float(shares[row, column]))
        text = (
            f"{share}\n{counts[row, column]:,}" if len(counts) <= 6 else share.removesuffix(" %").replace("<1", "·")
        )
        ink = INK if colours[row, column] @ _LUMINANCE > 0.5 else "white"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=ink)
