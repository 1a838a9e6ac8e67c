"""Figures of a run: loss and accuracy by epoch, learning rate and momentum by optimizer step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ..engine.records import EpochRecord
from ..figures.artifacts import Figure
from ..figures.style import BLUE, GREEN, MUTED, ORANGE, label_ends, render_figure
from ..formatting import counted, in_words, score_percent
from ..tasks import SINGLE_LABEL

Series = NDArray[np.float64]
Line = tuple[str, Series, str]  # label, values, colour

_MOST_NAMED = 4  # lines of parameter groups with a name; of more, the first and the last have one


def curves(records: Sequence[EpochRecord]) -> Figure:
    """Return a figure of training and test loss and score by epoch, and of the loss at every step."""
    half, score = records[-1].half, in_words(records[-1].score_name)
    viewed = [record for record in records if record.score_of("tta") is not None]

    def paint(canvas: Canvas) -> None:
        upper, lower = canvas.subplots(2, 1, sharex=True)
        _label_epochs(lower, records)
        _paint_loss(upper, records)
        _paint_score(lower, records)

    caption = (
        "Values after each epoch. Training values are averaged over the epoch on augmented images while the weights "
        f"change{_compared(records)}. The pale line is the loss of each step.{_unmeasured(records)}"
    )
    if viewed:
        names = ", ".join(viewed[-1].tta_views)
        over = "horizontal flips" if viewed[-1].tta == "flip TTA" else f"the views {names}"
        caption += f" TTA: {half} {score} with predictions averaged over {over}."
    if any(record.score_of("unaveraged") is not None for record in records):
        caption += f" Not averaged: {half} {score} of the trained weights; the {half} line uses averaged weights."
    return render_figure("curves", f"Loss and {score}", caption, paint, height=4.7)


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


def metrics(records: Sequence[EpochRecord], lower_is_better: Collection[str] = ()) -> Figure | None:
    """Return a figure with one panel for each of the recipe's metrics by epoch, or None if there are no metrics.

    The titles of the metrics in `lower_is_better` say so.
    """
    names = list(dict.fromkeys(name for record in records for name in record.metrics))
    if not names:
        return None
    half = records[-1].half

    def paint(canvas: Canvas) -> None:
        column = canvas.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for axes, name in zip(column, names, strict=True):
            values = np.array([record.metrics.get(name, np.nan) for record in records])
            axes.set_ylim(*_around(values, floor=-np.inf))
            title = f"{name} (lower is better)" if name in lower_is_better else name
            axes.set_title(title, parse_math=False)  # an option of a metric may contain a $
            _paint_lines(axes, records, [(half, values, ORANGE)], "{:.3f}".format)
        _label_epochs(column[-1], records)

    caption = f"The metrics of the recipe on the {half} images after each epoch."
    return render_figure("metrics", "Metrics", caption, paint, height=2.35 * len(names))


def loss_terms(records: Sequence[EpochRecord]) -> Figure | None:
    """Return a figure of the terms of the training loss by epoch, or None if the model declares none."""
    names = list(records[-1].train_terms)
    if not names:
        return None

    def paint(canvas: Canvas) -> None:
        column = canvas.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
        for axes, name in zip(column, names, strict=True):
            values = np.array([record.train_terms.get(name, np.nan) for record in records])
            axes.set_ylim(*_around(values, floor=-np.inf))
            axes.set_title(name)
            _paint_lines(axes, records, [("train", values, BLUE)], "{:.4f}".format)
        _label_epochs(column[-1], records)

    caption = (
        "The terms of the training loss in each epoch, without their weights. main is the loss of the logits. The "
        "training loss is main plus the other terms times train.loss_weights."
    )
    return render_figure("loss_terms", "Terms of the training loss", caption, paint, height=2.35 * len(names))


def schedule(records: Sequence[EpochRecord], factors: Mapping[str, float] | None = None) -> Figure:
    """Return a figure of the learning rate at every optimizer step, and of the momentum (or beta) if there is one.

    Several parameter groups have a line each; see `group_lines` for `factors`.
    """
    rates = _joined(record.step_lrs for record in records)
    momenta = _joined(record.step_momenta for record in records)
    groups = group_lines(records, factors or {})
    panels = [("learning rate", groups), *([("momentum", [("", momenta, GREEN)])] if len(momenta) else [])]

    def paint(canvas: Canvas) -> None:
        column = canvas.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (title, lines) in zip(column, panels, strict=True):
            for _, values, colour in lines:
                axes.plot(*_thinned(np.arange(1.0, len(values) + 1), values), color=colour, marker=marker(values))
            axes.set_title(title)
            axes.margins(x=0.015, y=0.08)
            label_ends(axes, [(values[-1], name, colour) for name, values, colour in lines if name])
        column[-1].set_xlabel("optimizer step")
        column[-1].xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        column[-1].xaxis.set_major_formatter("{x:,.0f}")

    peak = int(rates.argmax())
    caption = f"The learning rate at every optimizer step. It is highest, {rates[peak]:.3g}, at step {peak + 1:,}."
    if names := list(records[-1].group_lrs):
        caption += f" Each line is a parameter group of the optimizer: {', '.join(names)}."
    title = "Learning rate and momentum" if len(momenta) else "Learning rate"
    return render_figure("schedule", title, caption, paint, height=2.35 * len(panels))


def group_lines(records: Sequence[EpochRecord], factors: Mapping[str, float]) -> list[Line]:
    """Return the learning rate of each parameter group at every step; groups with equal rates are one line.

    The records contain the rate of the first group at every step, and those of the others at the end of each epoch.
    Between these, the ratio to the first rate is interpolated; most schedules keep it constant. If every epoch ends
    with a rate of 0, the ratio is the group's initial one, in `factors`.
    """
    rates = _joined(record.step_lrs for record in records)
    found: dict[tuple[float, ...], list[str]] = {}
    for name in records[-1].group_lrs:
        own = (factors.get(name, np.nan), *(record.group_lrs.get(name, np.nan) for record in records))
        found.setdefault(own, []).append(name)
    if len(found) < 2:
        return [("", rates, BLUE)]
    ends = np.cumsum([len(record.step_lrs) for record in records])
    firsts = np.array([record.learning_rate for record in records])
    lines: list[Line] = []
    for position, ((factor, *recorded), names) in enumerate(found.items()):
        of_group = np.array(recorded)
        known = (firsts > 0) & np.isfinite(of_group)
        ratio = np.full(len(rates), factor)
        if known.any():
            ratio = np.interp(np.arange(1, len(rates) + 1), ends[known], of_group[known] / firsts[known])
        shown = len(found) <= _MOST_NAMED or position in (0, len(found) - 1)
        label = ", ".join(names) if len(names) <= 2 else f"{names[0]} and {len(names) - 1} more"
        lines.append((label if shown else "", rates * ratio, _shade(position, len(found))))
    return lines


def _shade(position: int, count: int) -> str:
    """Return the colour of a line: different ones for few lines, from blue to orange for many."""
    if count <= _MOST_NAMED:
        return (BLUE, ORANGE, GREEN, MUTED)[position]
    (r0, g0, b0), (r1, g1, b1), share = to_rgb(BLUE), to_rgb(ORANGE), position / (count - 1)
    return to_hex((r0 + (r1 - r0) * share, g0 + (g1 - g0) * share, b0 + (b1 - b0) * share))


def _label_epochs(axes: Axes, records: Sequence[EpochRecord]) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    axes.set_xlim(records[0].epoch - 1, records[-1].epoch + 0.015 * len(records))


def _paint_loss(axes: Axes, records: Sequence[EpochRecord]) -> None:
    steps = _joined(record.step_losses for record in records)
    times = _joined(
        np.linspace(record.epoch - 1, record.epoch, len(record.step_losses) + 1)[1:] for record in records
    )
    train = _joined([record.train_loss] for record in records)
    test = _joined([record.loss] for record in records)
    axes.plot(*_thinned(times, steps), color=BLUE, alpha=0.3, linewidth=0.7)
    # The first losses may be much higher than the others, so the axis may cut them off.
    everything = np.concatenate([train, test, np.percentile(steps, [1, 99]) if len(steps) else steps])
    axes.set_ylim(*_around(everything, floor=0.0))
    axes.set_title("loss")
    _paint_lines(axes, records, [("train", train, BLUE), (records[-1].half, test, ORANGE)], "{:.3f}".format)


def _paint_score(axes: Axes, records: Sequence[EpochRecord]) -> None:
    lines: list[Line] = []
    for name, scores, colour in (
        ("train", [record.train_accuracy for record in records], BLUE),
        (records[-1].half, [record.score for record in records], ORANGE),
        ("TTA", [record.score_of("tta") for record in records], GREEN),
        ("not averaged", [record.score_of("unaveraged") for record in records], MUTED),
    ):
        if any(score is not None for score in scores):
            lines.append((name, np.array([np.nan if each is None else each for each in scores]), colour))
    axes.set_ylim(*_around(np.concatenate([values for _, values, _ in lines]), floor=0.0, ceiling=1.0))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g} %")
    axes.set_title(in_words(records[-1].score_name))
    _paint_lines(axes, records, lines, score_percent)


def _paint_lines(
    axes: Axes, records: Sequence[EpochRecord], lines: Sequence[Line], written: Callable[[float], str]
) -> None:
    epochs = [record.epoch for record in records]
    for _, values, colour in lines:
        axes.plot(epochs, values, color=colour, marker=marker(values))
    label_ends(axes, [(values[-1], f"{name} {written(values[-1])}", colour) for name, values, colour in lines])


def _joined(parts: Iterable[Sequence[float] | Series]) -> Series:
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


def marker(values: Series) -> str:
    """Return matplotlib's marker for a line: points are visible only if there are few."""
    return "o" if len(values) == 1 else "." if len(values) <= 30 else ""


def _around(values: Series, *, floor: float, ceiling: float = np.inf) -> tuple[float, float]:
    """Return limits inside [floor, ceiling], with a small margin around the finite values."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return floor, min(ceiling, floor + 1)
    air = 0.06 * float(np.ptp(finite)) or 0.1 * abs(float(finite[0])) or 0.1
    return max(floor, float(finite.min()) - air), min(ceiling, float(finite.max()) + air)


def _thinned(x: Series, y: Series, columns: int = 600) -> tuple[Series, Series]:
    """Keep the lowest and the highest point in each of at most `columns` intervals, in order."""
    if len(x) <= 2 * columns:
        return x, y
    indices = []
    for part in np.array_split(np.arange(len(x)), columns):
        indices += sorted({int(part[0] + y[part].argmin()), int(part[0] + y[part].argmax())})
    return x[indices], y[indices]
