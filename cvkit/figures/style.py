"""The style of all figures, and `render_figure`, which turns a drawing into a `Figure`.

The colours are Okabe and Ito's, which colour-blind readers can distinguish. Figures are narrow and their text is
large, so that they can be read on a phone. The code uses matplotlib's objects only, never pyplot.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any, Final

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.rcsetup import cycler

from .artifacts import Figure

BLUE: Final = "#0072B2"
ORANGE: Final = "#D55E00"
GREEN: Final = "#009E73"
INK: Final = "#333333"
MUTED: Final = "#6B6B6B"
FAINT: Final = "#E3E6E8"

WIDTH: Final = 4.8
"""The width of every figure in inches. All figures share it, so that text has the same size on a page."""

DPI: Final = 160
"""The resolution of the PNG in pixels per inch, for programs that cannot show SVG."""

_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#B8BDC2",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9"]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "svg.fonttype": "path",
    "svg.hashsalt": "cvkit",
    "text.color": INK,
    "xtick.color": "#B8BDC2",
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.color": "#B8BDC2",
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 8.5,
}


def render_figure(
    name: str, title: str, caption: str, paint: Callable[[Canvas], None], *, height: float = 3.1
) -> Figure:
    """Return the `Figure` that `paint` draws on an empty matplotlib figure of `WIDTH` by `height` inches.

    The same drawing results in the same bytes: fonts are outlines, identifiers use a constant salt, the files contain
    no date, and the user's matplotlib settings are ignored.

    Args:
        name: The stem of the file names.
        title: The heading.
        caption: One or more sentences.
        paint: Draws on the figure that it receives.
        height: The height in inches.

    Returns:
        The drawing as SVG and PNG.
    """
    text, pixels = io.StringIO(), io.BytesIO()
    with style.context(_STYLE, after_reset=True), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # class names may use any script
        canvas = Canvas(figsize=(WIDTH, height))
        paint(canvas)
        canvas.savefig(text, format="svg", dpi=300, metadata={"Date": None, "Creator": None})
        canvas.savefig(pixels, format="png", dpi=DPI, metadata={"Software": "cvkit"})
    return Figure(name, title, caption, text.getvalue(), pixels.getvalue())


def label_ends(axes: Axes, ends: list[tuple[float, str, str]]) -> None:
    """Write labels (y, text, colour) beside the right edge of `axes`, spaced so that they do not overlap.

    The limits of `axes` must be final. The layout reserves the space. A label whose `y` is NaN is omitted.
    """
    low, high = axes.get_ylim()
    height = axes.get_position().height * axes.get_figure(root=True).get_figheight() * 72  # type: ignore[union-attr]  # drawn axes have a figure
    gap = 11 / height
    places = sorted(((y - low) / (high - low), text, colour) for y, text, colour in ends if y == y)
    position = -gap
    lowest = [position := max(place, position + gap) for place, _, _ in places]
    excess = max(0.0, lowest[-1] - 1) if lowest else 0.0
    for place, (_, text, colour) in zip(lowest, places, strict=True):
        axes.text(1.02, place - excess, text, transform=axes.transAxes, color=colour, va="center", weight="bold")
