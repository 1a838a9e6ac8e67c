"""The contrast of text on pages: at least 4.5 to 1, as WCAG 2.2 requires at level AA, in light, dark and print."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

SCHEMES = ("light", "dark", "print")
SURFACES = ("page", "card")
TEXTS = ("ink", "soft", "accent", "warn", "good", "orange-ink", "green-ink")
ENOUGH = 4.5
PURE = 0.8
"""The share of blue in the colour of correct cells, as in figures.css."""


def read(name):
    return files("cvkit.figures").joinpath(name).read_text(encoding="utf-8")


def palette(scheme):
    """The variables of a scheme: those of the light one, replaced by its own."""
    found = {"light": {}, "dark": {}, "print": {}}
    for css in map(read, ("style.css", "findings.css")):
        for rule in re.finditer(r":root \{(.*?)\}", css, re.S):
            around = css[: rule.start()].rpartition("@media ")[2]
            inside = around.count("{") > around.count("}")
            which = {"p": "print", "(": "dark"}[around[0]] if inside else "light"
            found[which] |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rule[1]))
    assert {*found["print"]} == {*found["dark"]} == {*found["light"]}
    return found[scheme]


def channels(colour):
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def mixed(first, second, share):
    return [share * a + (1 - share) * b for a, b in zip(first, second, strict=True)]


def luminance(colour):
    """The relative luminance of sRGB channels in [0, 255]; source: WCAG 2.2."""
    linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    dark, light = sorted(map(luminance, (first, second)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    """Black on white has 21 to 1, and #767676 on white is the lightest grey with 4.5."""
    assert contrast([0] * 3, [255] * 3) == pytest.approx(21)
    assert contrast([0x76] * 3, [255] * 3) > ENOUGH > contrast([0x77] * 3, [255] * 3)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_has_enough_contrast(scheme):
    """On the page, on cards, and in warnings."""
    colours = {name: channels(colour) for name, colour in palette(scheme).items()}
    pairs = [(text, surface) for text in (*TEXTS, "blue") for surface in SURFACES] + [("ink", "warn-page")]
    low = {pair: contrast(*(colours[name] for name in pair)) for pair in pairs}
    assert {pair: value for pair, value in low.items() if value < ENOUGH} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", ["correct", "wrong"])
def test_cells_of_the_matrix_have_enough_contrast(scheme, kind):
    """At each share, with the colour of text that the template chooses for it."""
    colours = {name: channels(colour) for name, colour in palette(scheme).items()}
    found = re.search(r"cell\.share > \(([\d.]+) if cell\.correct else ([\d.]+)\)", read("matrices.html"))
    deep = float(found[1 if kind == "correct" else 2])
    tone = mixed(colours["blue"], colours["card"], PURE) if kind == "correct" else colours["orange"]
    for step in range(1_001):
        share = step / 1_000
        ink = colours["on-deep" if share > deep else "on-pale"]
        assert contrast(ink, mixed(tone, colours["card"], share)) >= ENOUGH, f"{share:.1%}"
