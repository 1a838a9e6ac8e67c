"""Figures of a run by epoch: loss and score, the terms of the loss, and the recipe's metrics."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from ..engine.records import EpochRecord
from ..figures.artifacts import Figure
from ..figures.style import BLUE, GREEN, INK, MUTED, ORANGE, hover, label_ends, render_figure
from ..formatting import counted, in_words, score_percent
from ..tasks import SINGLE_LABEL
from .run_marks import RunMark, epochs_of
from .series import LossAxis, Series, around, joined, marker, smoothed, smoothing, thinned

Line = tuple[str, Series, str]  # label, values, colour

_MOST_AREAS = 150  # that show the values of an epoch under the pointer; of more epochs, several share one
_DASHED = (0, (4, 3))


def curves(records: Sequence[EpochRecord], marks: Sequence[RunMark] = (), chance: float | None = None) -> Figure:
    """Return a figure of training and test loss and score by epoch, and of the loss at every step.

    Args:
        records: The epoch records.
        marks: Events that are marked with a vertical line.
        chance: The score of random guesses, or None.
    """
    half, score = records[-1].half, in_words(records[-1].score_name)
    viewed = [record for record in records if record.score_of("tta") is not None]
    losses, scores = _losses(records), _scores(records)
    axis = LossAxis.of(np.concatenate([values for _, values, _ in losses]))
    window = smoothing(len(records))
    shown = _chance_shown(chance, scores)

    def paint(canvas: Canvas) -> None:
        upper, lower = canvas.subplots(2, 1, sharex=True)
        label_epochs(lower, records)
        _paint_loss(upper, records, losses, axis)
        _paint_score(lower, records, scores, shown)
        for axes in (upper, lower):
            mark_events(axes, marks, records, named=axes is upper)
            _hover_epochs(axes, records, [*losses, *scores], score)

    caption = (
        "Values after each epoch. Training values are averaged over the epoch, on images that are augmented as the "
        f"recipe says, while the weights change{_compared(records)}. The pale line is the loss of each step."
        f"{_unmeasured(records)}{_about(axis)}"
    )
    if window > 1:
        caption += f" Lines are medians of {window} neighbouring epochs; the pale lines behind are single epochs."
    if viewed:
        names = ", ".join(viewed[-1].tta_views)
        over = "horizontal flips" if viewed[-1].tta == "flip TTA" else f"the views {names}"
        caption += f" TTA: {half} {score} with predictions averaged over {over}."
    if any(record.score_of("unaveraged") is not None for record in records):
        caption += f" Not averaged: {half} {score} of the trained weights; the {half} line uses averaged weights."
    if marks:
        caption += f" Dotted lines, {_named(marks)}."
    described = " ".join([*(_trend(f"{name} loss", values, "{:.3f}".format) for name, values, _ in losses)])
    described += " " + " ".join(_trend(f"{name} {score}", values, score_percent) for name, values, _ in scores)
    return render_figure("curves", f"Loss and {score}", caption, paint, height=4.9, description=described.strip())


def _compared(records: Sequence[EpochRecord]) -> str:
    """Return what the reader should know of the training accuracy, if the score of the run is the accuracy."""
    if records[-1].score_name != SINGLE_LABEL.score:
        return ""
    return f", so training accuracy may be lower than {records[-1].half} accuracy"


def _unmeasured(records: Sequence[EpochRecord]) -> str:
    """Return a sentence about epochs without a training accuracy, if the score of the run is the accuracy."""
    unmeasured = sum(record.train_accuracy is None for record in records)
    if not unmeasured or records[-1].score_name != SINGLE_LABEL.score:
        return ""
    where = "" if unmeasured == len(records) else f" for {counted(unmeasured, 'epoch')}"
    return f" There is no training accuracy{where}, because images were mixed and have no single label."


def _about(axis: LossAxis) -> str:
    """Return sentences about losses that the axis does not show, or shows on a logarithmic scale."""
    text = " The axis of the loss is logarithmic." if axis.logarithmic else ""
    if axis.above:
        are = "is" if axis.above == 1 else "are"
        text += (
            f" {counted(axis.above, 'loss')} {are} above the axis, up to {axis.highest:.4g}: triangles mark where."
        )
    if axis.missing:
        text += f" {counted(axis.missing, 'loss')} {'is' if axis.missing == 1 else 'are'} not finite and missing."
    return text


def _named(marks: Sequence[RunMark]) -> str:
    meanings = {
        "used": "the epoch whose weights are used",
        "resumed": "where the run was resumed",
        "extended": "where the run was extended",
    }
    return "; ".join(f"{label}: {meanings.get(label, label)}" for label in dict.fromkeys(m.label for m in marks))


def _trend(name: str, values: Series, written: Callable[[float], str]) -> str:
    """Return a sentence about a series for readers who cannot see it."""
    finite = np.flatnonzero(np.isfinite(values))
    if not len(finite):
        return f"{name}: no finite value."
    if len(finite) == 1:
        return f"{name}: {written(float(values[finite[0]]))}."
    low, high = (int(finite[pick(values[finite])]) for pick in (np.argmin, np.argmax))
    return (
        f"{name}: {written(float(values[finite[0]]))} at first, {written(float(values[finite[-1]]))} at the end, "
        f"lowest {written(float(values[low]))} in epoch {low + 1}, highest {written(float(values[high]))} in epoch "
        f"{high + 1}."
    )


def metrics(records: Sequence[EpochRecord], lower_is_better: Collection[str] = ()) -> Figure | None:
    """Return a figure with one panel for each of the recipe's metrics by epoch, or None if there are no metrics.

    The titles of the metrics in `lower_is_better` say so.
    """
    names = list(dict.fromkeys(name for record in records for name in record.metrics))
    if not names:
        return None
    half = records[-1].half
    series = {name: np.array([record.metrics.get(name, np.nan) for record in records]) for name in names}

    def paint(canvas: Canvas) -> None:
        column = canvas.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for axes, name in zip(column, names, strict=True):
            axes.set_ylim(*around(series[name], floor=-np.inf))
            title = f"{name} (lower is better)" if name in lower_is_better else name
            axes.set_title(title, parse_math=False)  # an option of a metric may contain a $
            _paint_lines(axes, records, [(half, series[name], ORANGE)], "{:.3f}".format)
        label_epochs(column[-1], records)

    caption = f"The metrics of the recipe on the {half} images after each epoch."
    described = " ".join(_trend(name, values, "{:.3f}".format) for name, values in series.items())
    return render_figure("metrics", "Metrics", caption, paint, height=2.35 * len(names), description=described)


def loss_terms(records: Sequence[EpochRecord]) -> Figure | None:
    """Return a figure of the terms of the training loss by epoch, or None if the model declares none."""
    names = list(records[-1].train_terms)
    if not names:
        return None
    series = {name: np.array([record.train_terms.get(name, np.nan) for record in records]) for name in names}

    def paint(canvas: Canvas) -> None:
        column = canvas.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for axes, name in zip(column, names, strict=True):
            axes.set_ylim(*around(series[name], floor=-np.inf))
            axes.set_title(name)
            _paint_lines(axes, records, [("train", series[name], BLUE)], "{:.4f}".format)
        label_epochs(column[-1], records)

    caption = (
        "The terms of the training loss in each epoch, without their weights. main is the loss of the logits. The "
        "training loss is main plus the other terms times train.loss_weights."
    )
    described = " ".join(_trend(name, values, "{:.4f}".format) for name, values in series.items())
    title, height = "Terms of the training loss", 2.35 * len(names)
    return render_figure("loss_terms", title, caption, paint, height=height, description=described)


def label_epochs(axes: Axes, records: Sequence[EpochRecord]) -> None:
    """Make the horizontal axis one of epochs; epoch n ends at n."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlim(records[0].epoch - 1, records[-1].epoch + 0.015 * len(records))


def mark_events(axes: Axes, marks: Sequence[RunMark], records: Sequence[EpochRecord], *, named: bool = True) -> None:
    """Draw a vertical line for each mark, with its label at the top if `named`."""
    places = epochs_of([mark.step for mark in marks], records)
    for number, (mark, place) in enumerate(zip(marks, places, strict=True)):
        axes.axvline(place, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
        if named:
            late = place > (records[0].epoch - 1 + records[-1].epoch) / 2
            axes.annotate(
                mark.label,
                (place, 1),
                (-3 if late else 3, -2 - 9 * (number % 3)),  # labels side by side would overlap
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="right" if late else "left",
                va="top",
                fontsize=8,
                color=MUTED,
            )


def _losses(records: Sequence[EpochRecord]) -> list[Line]:
    train = joined([record.train_loss] for record in records)
    test = joined([record.loss] for record in records)
    return [("train", train, BLUE), (records[-1].half, test, ORANGE)]


def _scores(records: Sequence[EpochRecord]) -> list[Line]:
    lines: list[Line] = []
    for name, scores, colour in (
        ("train", [record.train_accuracy for record in records], BLUE),
        (records[-1].half, [record.score for record in records], ORANGE),
        ("TTA", [record.score_of("tta") for record in records], GREEN),
        ("not averaged", [record.score_of("unaveraged") for record in records], MUTED),
    ):
        if any(score is not None for score in scores):
            lines.append((name, np.array([np.nan if each is None else each for each in scores]), colour))
    return lines


def _chance_shown(chance: float | None, scores: Sequence[Line]) -> float | None:
    """Return the score of random guesses if it is near enough to the scores to be shown on their axis."""
    if chance is None or not scores:
        return None
    values = np.concatenate([values for _, values, _ in scores])
    finite = values[np.isfinite(values)]
    return chance if len(finite) and (finite.min() <= 2 * chance or finite.max() <= 3 * chance) else None


def _paint_loss(axes: Axes, records: Sequence[EpochRecord], lines: Sequence[Line], axis: LossAxis) -> None:
    steps = joined(record.step_losses for record in records)
    times = joined(np.linspace(record.epoch - 1, record.epoch, len(record.step_losses) + 1)[1:] for record in records)
    axes.plot(*thinned(times, steps), color=BLUE, alpha=0.3, linewidth=0.7)
    low, high = axis.limits
    if axis.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
    elif len(steps) and not axis.above:  # the first losses may be much higher than the others, so they may be cut off
        inner = np.percentile(steps[np.isfinite(steps)], [1, 99]) if np.isfinite(steps).any() else steps[:0]
        drawn = np.concatenate([*(values for _, values, _ in lines), inner])
        low, high = (0.0 if len(records) == 1 else around(drawn, floor=0.0)[0]), around(drawn, floor=0.0)[1]
    axes.set_ylim(low, high)
    axes.set_title("loss (logarithmic)" if axis.logarithmic else "loss")
    epochs = np.array([record.epoch for record in records])
    for _, values, colour in lines:
        outside = epochs[np.nan_to_num(values, nan=low, posinf=np.inf) > high]
        top = np.full(len(outside), 0.98)
        axes.plot(outside, top, "^", color=colour, markersize=5, transform=axes.get_xaxis_transform())
    _paint_lines(axes, records, lines, "{:.3f}".format)


def _paint_score(axes: Axes, records: Sequence[EpochRecord], lines: Sequence[Line], chance: float | None) -> None:
    drawn = [values for _, values, _ in lines]
    if len(records) == 1:
        drawn.append(np.array([0.0, 1.0]))  # two points need an axis that they can be compared with
    if chance is not None:
        drawn.append(np.array([chance]))
        axes.axhline(chance, color=MUTED, linewidth=1, linestyle=_DASHED)
    axes.set_ylim(*around(np.concatenate(drawn), floor=0.0, ceiling=1.0))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
    axes.set_title(in_words(records[-1].score_name))
    further = [] if chance is None else [(chance, f"chance {score_percent(chance)}", MUTED)]
    _paint_lines(axes, records, lines, score_percent, further)


def _paint_lines(
    axes: Axes,
    records: Sequence[EpochRecord],
    lines: Sequence[Line],
    written: Callable[[float], str],
    further: Sequence[tuple[float, str, str]] = (),
) -> None:
    """Draw lines with their names and last values at their ends; `further` are other labels at a height."""
    epochs = [record.epoch for record in records]
    window = smoothing(len(records))
    low, high = axes.get_ylim()
    for _, values, colour in lines:
        if window > 1:
            axes.plot(epochs, values, color=colour, alpha=0.35, linewidth=0.8)
        axes.plot(epochs, smoothed(values, window), color=colour, marker=marker(values))
    ends = [(min(max(values[-1], low), high), f"{name} {written(values[-1])}", c) for name, values, c in lines]
    label_ends(axes, [*ends, *further])


def _hover_epochs(axes: Axes, records: Sequence[EpochRecord], lines: Sequence[Line], score: str) -> None:
    """Show the values of each epoch while the pointer is over it."""
    stride = -(-len(records) // _MOST_AREAS)
    for position in range(stride - 1, len(records), stride):
        record = records[position]
        values = [f"epoch {record.epoch}", f"learning rate {record.learning_rate:.3g}"]
        for number, (name, series, _) in enumerate(lines):
            value = float(series[position])
            if np.isfinite(value):
                values.append(f"{name} loss {value:.4g}" if number < 2 else f"{name} {score} {score_percent(value)}")
        hover(axes, record.epoch - stride + 0.0, float(record.epoch), ", ".join(values))
