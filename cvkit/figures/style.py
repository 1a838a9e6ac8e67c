"""The style of all figures, and `render_figure`, which turns a drawing into a `Figure`.

The colours are Okabe and Ito's, which colour-blind readers can distinguish. Figures are narrow and their text is
large, so that they can be read on a phone. The code uses matplotlib's objects only, never pyplot.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any, Final

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle
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
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9"]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",  # real text: readable in every script, searchable, and set in the font of the page
    "svg.hashsalt": "cvkit",
    "text.color": INK,
    "xtick.color": "#B8BDC2",
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.color": "#B8BDC2",
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 9.5,
}


_TIP = "tip: "
_FAMILY = "font-family: 'DejaVu Sans'"
_MISSING = "Glyph .* missing from"
_BOXES = "The PNG file shows boxes for characters that its font does not have; this page and the SVG file do not."


def render_figure(
    name: str,
    title: str,
    caption: str,
    paint: Callable[[Canvas], None],
    *,
    height: float = 3.1,
    description: str = "",
) -> Figure:
    """Return the `Figure` that `paint` draws on an empty matplotlib figure of `WIDTH` by `height` inches.

    The same drawing results in the same bytes: identifiers use a constant salt, the files contain no date, and the
    user's matplotlib settings are ignored. The text of the SVG is text, not outlines.

    Args:
        name: The stem of the file names.
        title: The heading.
        caption: One or more sentences.
        paint: Draws on the figure that it receives.
        height: The height in inches.
        description: What the drawing shows, in words, for readers who cannot see it.

    Returns:
        The drawing as SVG and PNG.
    """
    text, pixels = io.StringIO(), io.BytesIO()
    with style.context(_STYLE, after_reset=True), warnings.catch_warnings(record=True) as caught:
        canvas = Canvas(figsize=(WIDTH, height))
        paint(canvas)
        canvas.savefig(text, format="svg", dpi=300, metadata={"Date": None, "Creator": None})
        canvas.savefig(pixels, format="png", dpi=DPI, metadata={"Software": "cvkit"})
    missing = False
    for warning in caught:
        if re.match(_MISSING, str(warning.message)):  # class names may use any script
            missing = True
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    svg = text.getvalue().replace(_FAMILY, f"{_FAMILY}, system-ui, sans-serif")
    svg = re.sub(rf"""<g id=(["']){_TIP}(.*?)\1>""", r'<g class="tip"><title>\2</title>', svg)
    return Figure(name, title, f"{caption} {_BOXES}" if missing else caption, svg, pixels.getvalue(), description)


def hover(axes: Axes, left: float, right: float, text: str) -> None:
    """Show `text` while the pointer is over the part of `axes` between two values of x."""
    area = Rectangle((left, 0), right - left, 1, transform=axes.get_xaxis_transform(), color=INK, alpha=0.004)
    area.set(gid=_TIP + text, linewidth=0, zorder=10, clip_on=False)
    axes.add_patch(area)


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
