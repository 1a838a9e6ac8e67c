"""Draw the figure of a race: the losses of the candidates of each rung."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .race import APART, Rung

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PROPOSED = "C1"


def draw(figure: Figure, rungs: Sequence[Rung], target: str, value: float | None, level: Sequence[float]) -> None:
    """Draw the loss of every candidate, a line for each rung, and the proposed `value`.

    The values in `level`, which are not distinguished, have a shaded background. A candidate that diverged is a cross
    at the top.
    """
    axes = figure.subplots()
    tried = [each.value for rung in rungs for each in rung.candidates]
    for number, rung in enumerate(rungs):
        finite = sorted(rung.ranked, key=lambda each: each.value)
        noise = {each.value: APART * rung.noise.get(each.value, 0.0) for each in finite} if finite else {}
        colour = f"C{number + 2 if number else 0}"  # C1 is the colour of the proposal
        axes.errorbar(
            [each.value for each in finite],
            [each.loss for each in finite],
            yerr=[noise[each.value] for each in finite],
            fmt="o-",
            color=colour,
            capsize=3,
            linewidth=1.2,
            label=f"after {rung.steps} steps",
        )
        diverged = [each.value for each in rung.candidates if each.losses is None]
        axes.plot(diverged, [0.97] * len(diverged), "x", color=colour, transform=axes.get_xaxis_transform())
    if len(level) > 1:
        axes.axvspan(level[0], level[-1], color=PROPOSED, alpha=0.12, linewidth=0, label="not distinguishable")
    if value is not None:
        axes.axvline(value, color=PROPOSED, linestyle="--", linewidth=1.2, zorder=1, label=f"proposed: {value:g}")
    if min(tried) > 0:
        axes.set_xscale("log")
    axes.set(xlabel=target, ylabel="loss")
    axes.legend(loc="best", frameon=False, fontsize=8)
