"""Scores of each label: average precision, F1 at its threshold, precision-recall curves, and calibration."""

from __future__ import annotations

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from ..engine.calibration import BINS, bins_of
from ..engine.multi_label import MultiLabelPredictions
from ..figures.artifacts import Figure, Table
from ..figures.style import BLUE, ORANGE, render_figure
from ..formatting import counted, legible, percent

_UNDEFINED = "\N{EN DASH}"
_CURVES = 12  # labels with a curve; of more, those with the lowest average precision
_COLUMNS = 3


def label_scores(predictions: MultiLabelPredictions, classes: tuple[str, ...]) -> Table:
    """Return a table of the scores of each label, lowest average precision first, then by label."""
    images = predictions.labels.sum(dim=0).long().tolist()
    precisions, (hits, extra, missed) = predictions.average_precision, predictions.counts
    columns = torch.stack([precisions, hits / (hits + extra), hits / (hits + missed), predictions.f1], dim=1)
    rows = tuple(
        (
            legible(classes[label]),
            f"{images[label]:,}",
            _percent(columns[label, 0]),
            f"{predictions.thresholds[label]:.3f}",
            *map(_percent, columns[label, 1:]),
            f"{int(extra[label]):,}",
            f"{int(missed[label]):,}",
        )
        for label in precisions.nan_to_num(2.0).argsort(stable=True).tolist()
    )
    caption = (
        f"On the {counted(len(predictions.labels), f'{predictions.half} image')}. Images: those that have the label. "
        "Average precision: the area under the precision-recall curve; it needs no threshold. Precision, recall, F1, "
        "and the numbers of false positives and false negatives: with the label predicted from its threshold on. "
        f"Undefined values are shown as {_UNDEFINED} and skipped in means. The lowest average precision comes first."
    )
    header = (
        *("label", "images", "average precision", "threshold", "precision", "recall", "F1"),
        *("false positives", "false negatives"),
    )
    return Table("label_scores", "Scores by label", caption, header, rows)


def precision_recall(predictions: MultiLabelPredictions, classes: tuple[str, ...]) -> Figure:
    """Return a precision-recall curve of each label with its threshold; of many, of those with the lowest score."""
    precisions = predictions.average_precision
    measured = (~precisions.isnan()).nonzero()[:, 0]
    shown = measured[precisions[measured].argsort(stable=True)][:_CURVES].tolist()
    lines = -(-max(1, len(shown)) // _COLUMNS)

    def paint(canvas: Canvas) -> None:
        grid = canvas.subplots(lines, _COLUMNS, sharex=True, sharey=True, squeeze=False).flatten()
        for axes, label in zip(grid, shown, strict=False):
            _paint_curve(axes, predictions, label, legible(classes[label], 16))
        for axes in grid[len(shown) :]:
            axes.set_visible(False)

    caption = (
        f"Precision by recall on the {predictions.half} images, from the most probable image on; the dot is the "
        "threshold of the label. The title has the average precision."
    )
    if len(shown) < len(measured):
        caption += f" The {len(shown)} labels with the lowest average precision of {len(measured):,} are shown."
    if absent := len(classes) - len(measured):
        caption += f" Omitted: {counted(absent, 'label')} that no image has."
    return render_figure("precision_recall", "Precision and recall", caption, paint, height=0.5 + 1.6 * lines)


def _paint_curve(axes: Axes, predictions: MultiLabelPredictions, label: int, name: str) -> None:
    order = predictions.logits[:, label].argsort(descending=True, stable=True)
    hits = predictions.labels[order, label].cumsum(0)
    predicted = torch.arange(1, len(order) + 1)
    axes.step((hits / hits[-1]).numpy(), (hits / predicted).numpy(), color=BLUE, where="post")
    found, extra, missed = predictions.counts[:, label].tolist()
    if found + extra:
        axes.plot([found / (found + missed)], [found / (found + extra)], "o", color=ORANGE, markersize=4)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.05))
    title = f"{name} {percent(float(predictions.average_precision[label]), 1)}"
    axes.set_title(title, fontsize=8, parse_math=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    axes.tick_params(labelsize=6)


def label_calibration(predictions: MultiLabelPredictions, classes: tuple[str, ...]) -> Table:
    """Return a table of how well the probabilities of each label match its frequency, the worst first."""
    chances, labels = predictions.probabilities.double(), predictions.labels.double()
    errors = torch.stack([_calibration_error(*of) for of in zip(chances.T, labels.T, strict=True)])
    usual, share = chances.mean(dim=0), labels.mean(dim=0)
    rows = tuple(
        (
            legible(classes[label]),
            percent(float(usual[label]), 1),
            percent(float(share[label]), 1),
            f"{100 * float(usual[label] - share[label]):+.1f} %",
            percent(float(errors[label]), 1),
        )
        for label in errors.argsort(descending=True, stable=True).tolist()
    )
    caption = (
        f"Mean probability of each label on the {predictions.half} images, the share of images that have it, and the "
        f"difference. ECE: the mean difference between probability and share in {BINS} bins of equal width of the "
        "probability, over the images. The largest ECE comes first."
    )
    header = ("label", "mean probability", "images with it", "difference", "ECE")
    return Table("label_calibration", "Calibration by label", caption, header, rows)


def _calibration_error(chances: Tensor, labels: Tensor) -> Tensor:
    """Return the expected calibration error of one label: the sum over bins of |sum of differences|, over images."""
    places = bins_of(chances, BINS)
    return torch.zeros(BINS, dtype=torch.float64).index_add(0, places, chances - labels).abs().sum() / len(chances)


def _percent(score: Tensor) -> str:
    return _UNDEFINED if score.isnan() else percent(float(score), 1)
