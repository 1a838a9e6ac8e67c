"""The confusion matrix, and the pairs of classes that are confused most often."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..engine.predictions import Predictions
from ..figures.artifacts import Block, Matrix, MatrixCell, Table
from ..formatting import counted, legible, percent
from .matrix_drawing import matrix_drawing
from .similar_classes import Counts, confused_groups

_WHOLE = 20  # classes of a grid; with more, its numbers and names are too small to read
_GROUPS = 5  # grids; together they may have 2,000 cells, which a page can bear


def confusion_matrix(predictions: Predictions, num_classes: int) -> Tensor:
    """Count images by true class (row) and predicted class (column); return int64 (K, K)."""
    flat = predictions.labels * num_classes + predictions.predicted
    return torch.bincount(flat, minlength=num_classes**2).reshape(num_classes, num_classes)


def confusion(predictions: Predictions, classes: tuple[str, ...]) -> Matrix:
    """Return the confusion matrix: rows show shares of the true class.

    Up to 20 classes are shown as one grid. Of more classes, groups of similar classes are shown, those with the most
    errors among them first. The CSV file has every cell that is not empty.
    """
    counts = confusion_matrix(predictions, len(classes)).numpy()
    names = tuple(map(legible, classes))
    total = int(counts.sum())
    errors = total - int(np.trace(counts))
    images = counted(total, f"{predictions.half} image")
    whole = len(classes) <= _WHOLE
    groups = [[*range(len(classes))]] if whole else confused_groups(counts, _WHOLE, _GROUPS)
    blocks = tuple(_block(counts, names, group, errors, whole=whole) for group in groups)
    caption = (
        f"{images}. Each row is a true class and adds up to 100 %; the number in a cell is the percentage of the "
        "row. The outlined cells are correct classifications."
        if errors
        else f"There are no errors on {images}."
    )
    if not whole and errors:
        shown = sum(map(len, groups))
        inside = sum(int(counts[np.ix_(group, group)].sum() - counts[group, group].sum()) for group in groups)
        caption += (
            f" {counted(shown, 'class')} of {len(classes):,} are shown, in groups of classes that are confused with "
            f"each other; {percent(inside / errors)} of the {counted(errors, 'error')} are inside these groups. "
            "confusion.csv has all of them."
        )
    rows = tuple(
        (classes[true], classes[predicted], str(counts[true, predicted]))
        for true, predicted in zip(*(each.tolist() for each in counts.nonzero()), strict=True)
    )
    drawing = matrix_drawing(counts, classes, caption)
    header = ("true class", "predicted class", "images")
    return Matrix("confusion", "Confusion matrix", caption, blocks, drawing, header, rows)


def _block(counts: Counts, names: tuple[str, ...], group: list[int], errors: int, *, whole: bool) -> Block:
    """Return the grid of some classes; unless they are all classes, a last column counts all other predictions."""
    totals = counts.sum(axis=1)

    def cell(true: int, count: int, predicted: int | None) -> MatrixCell | None:
        if not count:
            return None
        share = count / int(totals[true])
        said = "another class" if predicted is None else names[predicted]
        tip = f"true: {names[true]}\npredicted: {said}\n{count:,} of {counted(int(totals[true]), 'image')}, "
        text = percent(share).removesuffix(" %")
        pair = None if predicted is None else (names[true], names[predicted])
        return MatrixCell(share, text, tip + percent(share, 1), true == predicted, pair)

    rows = []
    for true in group:
        cells = [cell(true, int(counts[true, predicted]), predicted) for predicted in group]
        rest = int(totals[true] - counts[true, group].sum())
        rows.append((*cells, *(() if whole else (cell(true, rest, None),))))
    inside = int(counts[np.ix_(group, group)].sum() - counts[group, group].sum())
    title = "" if whole else f"{counted(len(group), 'similar class')} with {counted(inside, 'error')} among them"
    if not whole and errors:
        title += f", {percent(inside / errors)} of all errors"
    chosen = tuple(names[label] for label in group)
    return Block(title, chosen, (*chosen, *(() if whole else ("other classes",))), tuple(rows))


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
