"""How figures look and stay the same."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise

import matplotlib
import pytest

from cvkit.figures.style import hover, label_ends, render_figure
from cvkit.formatting import legible, percent


def _line(figure):
    figure.subplots().plot([1, 2, 3], [2, 1, 3], label="a line")


def test_draw_is_deterministic_whatever_the_readers_settings():
    """The same drawing is the same bytes, even where the caller changed matplotlib's settings in between."""
    first = render_figure("a", "A", "", _line)
    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.grid": False}):
        assert render_figure("a", "A", "", _line).svg == first.svg
        assert matplotlib.rcParams["font.size"] == 20
    assert ET.fromstring(first.svg).tag.endswith("svg")


def test_draw_writes_no_date_and_real_text():
    """A figure does not contain when it was made, and its letters can be read, searched and copied."""
    svg = render_figure("a", "A", "", lambda figure: figure.subplots().set_title("日本語")).svg
    assert "<dc:date>" not in svg
    assert ">日本語</text>" in svg


def test_letters_that_the_png_lacks_are_reported():
    """The caption says that only the PNG has boxes; a figure in Latin letters has no such sentence."""
    plain, other = (
        render_figure("a", "A", "", lambda figure, title=title: figure.subplots().set_title(title))
        for title in ("cat", "猫")
    )
    assert "PNG" in other.caption
    assert plain.caption == ""


def test_hover_areas_hold_their_text_whatever_it_contains():
    """The SVG file has it as a title, which browsers show; markup and quotes stay text."""

    def paint(figure):
        hover(figure.subplots(), 0, 1, 'epoch 1: "a" <b>')

    root = ET.fromstring(render_figure("a", "A", "", paint).svg)
    (title,) = root.iter("{http://www.w3.org/2000/svg}title")
    assert title.text == 'epoch 1: "a" <b>'


def test_draw_survives_letters_the_font_lacks(recwarn):
    """A class named in a script the font lacks draws without a warning."""
    render_figure("a", "A", "", lambda figure: figure.subplots().set_title("日本語"))
    assert not recwarn.list


def test_diagnostics_never_import_pyplot():
    """Drawing leaves pyplot, and the global state it brings, unloaded."""
    code = (
        "import sys; from cvkit.figures.style import render_figure;"
        "render_figure('a', 'A', '', lambda figure: figure.subplots().plot([1, 2]));"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_label_ends_pushes_equal_labels_apart():
    """Three lines that end at one height have three labels, each a line of text above the last, inside the axes."""
    places = []

    def paint(figure):
        axes = figure.subplots()
        axes.set_ylim(0, 1)
        label_ends(axes, [(1.0, "a", "red"), (1.0, "b", "red"), (1.0, "c", "red"), (float("nan"), "d", "red")])
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in axes.texts]
        places.extend(sorted((box.y0, box.y1) for box in boxes))
        assert max(text.get_position()[1] for text in axes.texts) <= 1

    render_figure("a", "A", "", paint)
    assert len(places) == 3
    assert all(above[0] >= below[1] for below, above in pairwise(places))


@pytest.mark.parametrize(
    ("fraction", "decimals", "text"),
    [
        (0.5, 0, "50 %"),
        (0.845, 1, "84.5 %"),
        (0.999, 0, ">99 %"),
        (0.001, 0, "<1 %"),
        (0.0, 0, "0 %"),
        (1.0, 1, "100.0 %"),
    ],
)
def test_percent_rounds_to_nothing_and_to_everything_only_when_exact(fraction, decimals, text):
    """0 % and 100 % are written only of what is exactly that."""
    assert percent(fraction, decimals) == text


def test_legible_names_are_one_line_short_and_encodable():
    """Newlines, control characters, lone surrogates and length are dealt with."""
    assert legible("a\n b\t c") == "a b c"
    assert legible("x" * 30, 10) == "x" * 9 + "…"
    assert legible("a\x01b\udcff").encode() == "a\ufffdb\ufffd".encode()
