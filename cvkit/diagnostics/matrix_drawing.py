"""The whole confusion matrix as one drawing, for the files beside the page."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from numpy.typing import NDArray

from ..figures.artifacts import Figure
from ..figures.style import INK, render_figure
from ..formatting import percent, shortened
from .similar_classes import Counts

Shares = NDArray[np.float64]

_ANNOTATED = 20  # classes; with more, numbers in the cells are too small to read
_NAMED = 40  # classes; with more, names along the axes are too small to read
_CELLS = 200  # cells per side; with more, a cell is thinner than a pixel, so neighbouring classes share one
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # ITU-R BT.709


def matrix_drawing(counts: Counts, classes: tuple[str, ...], caption: str) -> Figure:
    """Return a drawing of counts (K, K): correct predictions are blue, errors orange, both darker with the share.

    With up to 20 classes the cells contain numbers, and with up to 40 the axes show names. With more than 200,
    neighbouring classes share a cell. The same share has the same colour in the drawing of every run.
    """
    block = -(-len(classes) // _CELLS)
    pooled = _pooled(counts, block)
    shares = pooled / pooled.sum(axis=1, keepdims=True).clip(min=1)
    colours = _coloured(shares)

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
            _write_cells(axes, shares, pooled, colours)

    return render_figure("confusion", "Confusion matrix", caption, paint, height=4.7)


def _pooled(counts: Counts, block: int) -> Counts:
    """Sum blocks of `block` x `block` cells. The last row and column of blocks may be smaller."""
    starts = np.arange(0, len(counts), block)
    return np.asarray(np.add.reduceat(np.add.reduceat(counts, starts, axis=0), starts, axis=1))


def _coloured(shares: Shares) -> Shares:
    """Return colours (K, K, 3) for shares (K, K), on a linear scale from 0 to 1."""
    correct = colormaps["Blues"](0.85 * shares)[..., :3]
    errors = colormaps["Oranges"](0.85 * shares)[..., :3]
    return np.where(np.eye(len(shares), dtype=bool)[..., None], correct, errors)


def _name_axes(axes: Axes, classes: tuple[str, ...]) -> None:
    names = [shortened(name, 16) for name in classes]
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
