"""The figure of a comparison: differences with their intervals, and the margin of equivalence."""

from __future__ import annotations

from matplotlib.figure import Figure as Canvas

from ..figures.artifacts import Figure
from ..figures.style import BLUE, FAINT, INK, MUTED, ORANGE, render_figure
from ..formatting import in_words, legible
from .comparison import Comparison

_COLOURS = {"better": BLUE, "worse": ORANGE, "equivalent": INK, "undecided": MUTED}


def difference_figure(comparison: Comparison) -> Figure:
    """Return the difference of each group from the first, with its 95 % interval."""
    pairs, margin = comparison.pairs, 100 * comparison.margin
    score = in_words(pairs[0].main.name)

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        axes.axvspan(-margin, margin, color=FAINT, linewidth=0)
        axes.axvline(0, color=INK, linewidth=1)
        for row, pair in enumerate(pairs):
            low, high = (100 * end for end in pair.main.interval)
            colour = _COLOURS[pair.verdict]
            axes.plot([low, high], [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")
            axes.plot([100 * pair.main.difference], [row], "o", color=colour, markersize=7)
            axes.annotate(pair.verdict, (high, row), (6, 0), textcoords="offset points", va="center", color=colour)
        axes.set_yticks(
            range(len(pairs)), [legible(f"{pair.second.letter} - A", 24) for pair in pairs], parse_math=False
        )
        axes.set(ylim=(len(pairs) - 0.4, -0.6), xlabel=f"difference in {score}, percentage points")
        axes.margins(x=0.18)
        axes.grid(visible=False, axis="y")

    uncorrected = ", which is not corrected for several comparisons" if len(pairs) > 1 else ""
    caption = (
        f"The difference in {score} to A, with its 95 % interval{uncorrected}. Grey: the margin of equivalence, "
        f"{margin:g} points in either direction."
    )
    return render_figure("difference", "Difference", caption, paint, height=1.1 + 0.42 * len(pairs))
