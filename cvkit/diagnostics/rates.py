"""The figure of the learning rate and the momentum of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure as Canvas

from ..engine.records import EpochRecord
from ..figures.artifacts import Figure
from ..figures.style import BLUE, GREEN, MUTED, ORANGE, label_ends, render_figure
from .run_marks import RunMark, epochs_of
from .series import joined, marker, thinned
from .training_curves import Line, label_epochs, mark_events

_MOST_NAMED = 4  # lines of parameter groups with a name; of more, the first and the last have one
_DECADES = 100.0  # the highest rate over the 10th percentile, from which on the axis is logarithmic


def schedule(
    records: Sequence[EpochRecord], factors: Mapping[str, float] | None = None, marks: Sequence[RunMark] = ()
) -> Figure:
    """Return a figure of the learning rate at every optimizer step, and of the momentum (or beta) if it varies.

    The horizontal axis is that of the curves. Several parameter groups have a line each; see `group_lines` for
    `factors`. Rates over several powers of ten have a logarithmic axis.
    """
    rates = joined(record.step_lrs for record in records)
    momenta = joined(record.step_momenta for record in records)
    groups = group_lines(records, factors or {})
    varies = len(momenta) > 0 and float(np.ptp(momenta)) > 0
    panels = [("learning rate", groups), *([("momentum", [("", momenta, GREEN)])] if varies else [])]
    positive = rates[rates > 0]
    logarithmic = len(positive) > 0 and float(rates.max()) >= _DECADES * float(np.quantile(positive, 0.1))
    first = records[0].step - len(records[0].step_lrs)

    def paint(canvas: Canvas) -> None:
        column = canvas.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        label_epochs(column[-1], records)
        for number, (axes, (title, lines)) in enumerate(zip(column, panels, strict=True)):
            for _, values, colour in lines:
                times = np.array(epochs_of(first + np.arange(1.0, len(values) + 1), records))
                axes.plot(*thinned(times, values), color=colour, marker=marker(values))
            axes.set_title(title)
            if number == 0 and logarithmic:
                axes.set_title(f"{title} (logarithmic)")
                axes.set_yscale("log")
                axes.yaxis.set_major_formatter("{x:g}")
            else:
                axes.margins(y=0.08)
            label_ends(axes, [(values[-1], name, colour) for name, values, colour in lines if name])
            mark_events(axes, marks, records, named=number == 0)

    peak = int(rates.argmax())
    caption = f"The learning rate at every optimizer step. It is highest, {rates[peak]:.3g}, at step {peak + 1:,}."
    if names := list(records[-1].group_lrs):
        caption += f" Each line is a parameter group of the optimizer: {', '.join(names)}."
    if len(momenta) and not varies:
        caption += f" The momentum is {momenta[0]:.3g} at every step."
    described = (
        f"The learning rate is {rates[0]:.3g} at first, {rates[peak]:.3g} at its highest and {rates[-1]:.3g} at last."
    )
    if varies:
        described += f" The momentum is between {momenta.min():.3g} and {momenta.max():.3g}."
    title = "Learning rate and momentum" if varies else "Learning rate"
    return render_figure("schedule", title, caption, paint, height=2.35 * len(panels), description=described)


def group_lines(records: Sequence[EpochRecord], factors: Mapping[str, float]) -> list[Line]:
    """Return the learning rate of each parameter group at every step; groups with equal rates are one line.

    The records contain the rate of the first group at every step, and those of the others at the end of each epoch.
    Between these, the ratio to the first rate is interpolated; most schedules keep it constant. If every epoch ends
    with a rate of 0, the ratio is the group's initial one, in `factors`.
    """
    rates = joined(record.step_lrs for record in records)
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
