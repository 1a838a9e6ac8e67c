"""Put the SVG of a figure into a page, with real text and the colours of the page.

A figure may come from a plugin or from a run folder of somebody else, so the drawing is built again from elements,
attributes and properties that are known to be harmless. A drawing with anything else is shown as an image instead.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Final

from markupsafe import Markup

from .artifacts import Figure

_SVG: Final = "{http://www.w3.org/2000/svg}"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"

_THEME: Final = {
    "#0072b2": "--blue",
    "#d55e00": "--orange",
    "#009e73": "--green",
    "#333333": "--ink",
    "#000000": "--ink",
    "#6b6b6b": "--soft",
    "#e3e6e8": "--line",
    "#b8bdc2": "--axis",
    "#ffffff": "--card",
}
"""The colours of `cvkit.figures.style` and the variables of style.css that replace them."""

_INK: Final = {"--orange": "--orange-ink", "--green": "--green-ink"}
"""The variables of the same colours in text, which needs more contrast than a line."""

_DROPPED: Final = {"metadata", "style"}  # matplotlib's metadata, and a style that would apply to the whole page
_ELEMENTS: Final = {
    *("svg", "g", "defs", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "use"),
    *("clipPath", "image", "title", "desc"),
}
_NAMES: Final = {"title", "desc"}  # an HTML parser reads their contents as HTML
_TEXTS: Final = {"text", "tspan"} | _NAMES
_ATTRIBUTES: Final = {
    *("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "rx", "ry", "width", "height", "d", "points", "transform"),
    *("style", "clip-path", "viewBox", "fill", "stroke", "stroke-width", "opacity", "preserveAspectRatio"),
}
_PROPERTIES: Final = {
    *("fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray"),
    *("stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "opacity", "clip-path"),
    *("font-size", "font-style", "font-weight", "text-anchor", "image-rendering"),
}
_COLOURED: Final = {"fill", "stroke"}
_VALUE = re.compile(r"[\w\s.,#%+-]*")
_REFERENCE = re.compile(r"url\(#([\w.-]+)\)")
_EMBEDDED = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]*")
_DIGITS = re.compile(r"(\d\.\d\d)\d+")


class _Unknown(ValueError):
    """The drawing contains something that is not known to be harmless."""


def inline_svg(figure: Figure, number: int) -> Markup | None:
    """Return the drawing of a figure as an ``<svg>`` element for a page; None if it can only be shown as an image.

    Args:
        figure: The figure.
        number: Its number on the page. It makes the identifiers in the drawing unique.
    """
    if "<!ENTITY" in figure.svg:
        return None
    try:
        root = ET.fromstring(figure.svg)  # noqa: S314  # no entities, and expat reads no other file
        if root.tag != f"{_SVG}svg" or "viewBox" not in root.attrib:
            return None
        drawn = _rebuilt(root, f"f{number}-", _referenced(figure.svg))
    except (ET.ParseError, _Unknown):
        return None
    drawn.set("class", "drawing")
    drawn.set("role", "img")
    drawn.set("aria-label", f"{figure.title}. {figure.description}" if figure.description else figure.title)
    return Markup(ET.tostring(drawn, encoding="unicode"))  # noqa: S704  # built from known elements, and escaped


def _referenced(svg: str) -> set[str]:
    return {*re.findall(r'href="#([\w.-]+)"', svg), *_REFERENCE.findall(svg)}


def _rebuilt(element: ET.Element, prefix: str, referenced: set[str]) -> ET.Element:
    tag = element.tag.removeprefix(_SVG)
    if tag not in _ELEMENTS:
        raise _Unknown
    made = ET.Element(tag)
    for name, value in element.attrib.items():
        if (written := _attribute(tag, name, value, prefix, referenced)) is not None:
            made.set(*written)
    if tag in _TEXTS:
        if len(element) and tag in _NAMES:
            raise _Unknown  # a parser of HTML may read what is inside as a part of the page
        made.text = element.text
    for child in element:
        empty = child.tag == f"{_SVG}defs" and not any(each.tag != f"{_SVG}style" for each in child)
        if child.tag.removeprefix(_SVG) not in _DROPPED and not empty:
            made.append(_rebuilt(child, prefix, referenced))
            made[-1].tail = child.tail if tag == "text" and (child.tail or "").strip() else None
    return made


def _attribute(tag: str, name: str, value: str, prefix: str, referenced: set[str]) -> tuple[str, str] | None:
    """Return the name and value of an attribute in the page; None if it is not needed there."""
    if name == "id":
        return ("id", prefix + value) if value in referenced else None
    if name == "class":
        return (name, value) if value == "tip" else None
    if name in (_LINK, "href"):
        return ("href", _link(tag, value, prefix))
    if name == "style":
        declarations = (part.partition(":") for part in value.split(";") if part.strip())
        kept = (_declaration(tag, key.strip(), text.strip(), prefix) for key, _, text in declarations)
        return ("style", ";".join(filter(None, kept)))
    if name == "viewBox" or (name in ("width", "height") and tag == "svg"):
        return ("viewBox", value) if name == "viewBox" else None
    if name not in _ATTRIBUTES:
        return None
    if name in ("d", "points", "transform", "x", "y", "width", "height"):
        return name, _DIGITS.sub(r"\1", " ".join(value.split()))
    return name, _plain(tag, name, value, prefix)


def _declaration(tag: str, name: str, value: str, prefix: str) -> str:
    return f"{name}:{_plain(tag, name, value, prefix)}" if name in _PROPERTIES else ""


def _plain(tag: str, name: str, value: str, prefix: str) -> str:
    """Return a value of the page; raises `_Unknown` for one that may load or run something."""
    if reference := _REFERENCE.fullmatch(value):
        return f"url(#{prefix}{reference[1]})"
    if not _VALUE.fullmatch(value):
        raise _Unknown
    colour = value.lower()
    if name in _COLOURED and colour in _THEME and not (tag in ("text", "tspan") and colour == "#ffffff"):
        variable = _THEME[colour]
        return f"var({_INK.get(variable, variable) if tag in ('text', 'tspan') else variable})"
    return value


def _link(tag: str, value: str, prefix: str) -> str:
    if tag == "use" and value.startswith("#"):
        return f"#{prefix}{value[1:]}"
    if tag == "image" and _EMBEDDED.fullmatch(value):
        return value
    raise _Unknown
