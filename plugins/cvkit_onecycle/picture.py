"""Draw the figure of a range test: the losses over the learning rate, and the rate of each rule below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .finding import Finding
from .sweep import Sweep
from .verify import RateCandidate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY, PALE = "#6B6B6B", "#B8BDC2"  # of cvkit's figures: pages replace them by the colours of a dark page
TAKEN = "C1"


def draw(
    figure: Figure,
    sweeps: Sequence[Sweep],
    found: dict[str, Finding],
    pick: str,
    value: float | None,
    candidates: Sequence[RateCandidate],
) -> None:
    """Draw the raw losses, the smoothed curve of each order, their median, and one row for each rule.

    `value` is the proposed rate, or None.
    """
    rows = len(found) + bool(candidates)
    figure.set_figheight(2.6 + 0.22 * rows)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=(2.0, 0.22 * rows))
    draw_losses(upper, sweeps)
    draw_rules(lower, found, pick)
    if candidates:
        draw_candidates(lower, candidates, row=len(found))
    found_rates = [
        rate for finding in found.values() for rate in finding.found_rates
    ]  # some rules give rates below the sweep
    shown = [*sweeps[0].planned[[0, -1]], *found_rates, *(candidate.rate for candidate in candidates)]
    shown += [] if value is None else [value]
    lower.set(xscale="log", xlabel="learning rate", xlim=(min(shown), max(shown)))
    if value is not None:
        for axes in (upper, lower):
            axes.axvline(value, color=TAKEN, linestyle="--", linewidth=1.2, zorder=1)
        upper.annotate(
            f" proposed: {value:g}",
            (value, 1),
            xycoords=("data", "axes fraction"),
            va="bottom",
            ha="center",
            color=TAKEN,
            fontsize=8.5,
        )


def draw_losses(axes: Axes, sweeps: Sequence[Sweep]) -> None:
    """Draw raw losses as points, smoothed losses as thin lines, and their median up to the shortest sweep.

    Sweeps without a finite loss are skipped.
    """
    axes.set(ylabel="loss")
    sweeps = [sweep for sweep in sweeps if len(sweep.losses)]
    if not sweeps:
        return
    for sweep in sweeps:
        axes.plot(sweep.rates, sweep.losses, ".", color=PALE, markersize=4, markeredgewidth=0)
        axes.plot(sweep.rates, sweep.smoothed, color="C0", alpha=0.35, linewidth=0.9)
    common = min(len(sweep.losses) for sweep in sweeps)
    middle = np.median([sweep.smoothed[:common] for sweep in sweeps], axis=0)
    label = "smoothed" if len(sweeps) == 1 else "smoothed, median of the orders"
    axes.plot(sweeps[0].planned[:common], middle, color="C0", label=label)
    axes.plot([], [], ".", color=PALE, label="each step")
    low, bottom = middle.min(), int(middle.argmin())
    high = middle[: bottom + 1].max()
    # Losses after divergence would flatten the rest of the figure.
    room = max(high - low, 1e-3)
    axes.set(ylim=(low - 0.2 * room, high + 0.5 * room))
    axes.legend(loc="best", frameon=False, fontsize=8)


def draw_rules(axes: Axes, found: dict[str, Finding], pick: str) -> None:
    """Draw one row for each rule: its rate in each order, the quartiles and the median; label it with the median."""
    names = []
    for row, (name, finding) in enumerate(found.items()):
        colour = TAKEN if name == pick else GREY
        if finding.found_rates:
            axes.plot(
                finding.found_rates,
                [row] * len(finding.found_rates),
                "|",
                color=colour,
                markersize=6,
                markeredgewidth=0.9,
            )
            axes.plot(finding.quartiles, [row, row], color=colour, linewidth=3, alpha=0.45, solid_capstyle="butt")
        if finding.rate is not None:
            axes.plot(finding.rate, row, "o", color=colour, markersize=4.5)
        names.append(f"{name}  {finding.rate:.3g}" if finding.rate is not None else f"{name}  none")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def draw_candidates(axes: Axes, candidates: Sequence[RateCandidate], row: int) -> None:
    """Draw the candidates of a verification in an extra row, with the best one filled."""
    for place, candidate in enumerate(candidates):
        axes.plot(candidate.rate, row, "D", color=TAKEN, markersize=4.5, fillstyle="none" if place else "full")
    axes.set_yticks([*axes.get_yticks(), row], [*(text.get_text() for text in axes.get_yticklabels()), "verified"])
    axes.set_ylim(row + 0.6, -0.6)
