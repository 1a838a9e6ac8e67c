"""Drawings inside the page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from cvkit.figures.artifacts import Figure
from cvkit.figures.inline_svg import inline_svg
from cvkit.figures.style import BLUE, hover, render_figure

HARMFUL = {
    "a script": "<script>alert(1)</script>",
    "foreign content": "<foreignObject><p>hi</p></foreignObject>",
    "an animation": '<animate attributeName="href" to="javascript:alert(1)"/>',
    "a link": '<a href="javascript:alert(1)"><path d="M 0 0"/></a>',
    "a picture of another site": '<image href="https://example.org/a.png"/>',
    "a picture that is a document": '<image href="data:image/svg+xml,x"/>',
    "a property that loads": '<path d="M 0 0" style="fill: url(https://example.org/a)"/>',
    "a title with elements": "<title>a<path d='M 0 0'/></title>",
    "a description with a title": "<g><desc><title>a</title></desc></g>",
    "a drawing of another page": '<use href="https://example.org/#a"/>',
}


def _figure(inner: str, description: str = "") -> Figure:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{inner}</svg>'
    return Figure("f", "A <b> figure", "", svg, b"", description)


def _drawn():
    def paint(canvas):
        axes = canvas.subplots()
        axes.plot([1, 2], [1, 2], "o-", color=BLUE)
        axes.set_title("<b>猫</b>")
        hover(axes, 1, 2, "epoch 1")

    return render_figure("f", "Loss", "", paint, description="It falls from 2 to 1.")


def test_drawing_has_the_text_and_the_colours_of_the_page():
    """Names in any script are text, and colours are variables that a dark page changes."""
    svg = inline_svg(_drawn(), 1)
    assert svg is not None
    assert "&lt;b&gt;猫&lt;/b&gt;</text>" in svg
    assert "var(--blue)" in svg
    assert BLUE.lower() not in svg
    assert "DejaVu" not in svg


def test_drawing_is_described_by_what_it_shows():
    """A screen reader gets the description instead of the caption again."""
    assert 'role="img" aria-label="Loss. It falls from 2 to 1."' in str(inline_svg(_drawn(), 1))
    assert 'aria-label="A &lt;b&gt; figure"' in str(inline_svg(_figure(""), 1))


def test_values_to_hover_over_survive():
    """They are titles of their areas; the script of the page turns them into tips."""
    assert '<g class="tip"><title>epoch 1</title>' in str(inline_svg(_drawn(), 1))


def test_identifiers_of_two_figures_differ():
    """And every reference in a drawing leads to an identifier of the same drawing."""
    first, second = (str(inline_svg(_drawn(), number)) for number in (1, 2))
    identifiers = [set(re.findall(r' id="([^"]*)"', svg)) for svg in (first, second)]
    assert identifiers[0]
    assert not identifiers[0] & identifiers[1]
    assert {*re.findall(r'href="#([^"]*)"', first), *re.findall(r"url\(#([^)]*)\)", first)} <= identifiers[0]


@pytest.mark.parametrize("inner", HARMFUL.values(), ids=HARMFUL)
def test_drawing_that_may_do_something_is_not_inlined(inner):
    """It is shown as an image, in which nothing runs and nothing is loaded."""
    assert inline_svg(_figure(inner), 1) is None


def test_attributes_that_do_something_are_left_out():
    """Handlers and classes of the page do not get in."""
    svg = str(inline_svg(_figure('<path d="M 0 0" onclick="alert(1)" class="controls" id="main"/>'), 1))
    assert ET.fromstring(svg)[0].attrib == {"d": "M 0 0"}


@pytest.mark.parametrize("svg", ["", "not a drawing", "<svg/>", '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>'])
def test_what_is_no_drawing_is_not_inlined(svg):
    """The page falls back to an image."""
    assert inline_svg(Figure("f", "F", "", svg, b""), 1) is None
