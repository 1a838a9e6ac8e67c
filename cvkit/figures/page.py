"""A `Page` of facts, artifacts and details, and `render`, which makes it one HTML file."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from .artifacts import Artifact, Table


@dataclass(frozen=True)
class Fact:
    """A number worth a headline: ``Fact("Test accuracy", "84.5 %", "final epoch, no TTA")``."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph of text, and artifacts in reading order; left out where it has neither.

    `broad`: each artifact takes the page's whole breadth, as tables of long cells need it.
    """

    title: str
    artifacts: tuple[Artifact, ...] = ()
    text: str = ""
    broad: bool = False


@dataclass(frozen=True)
class Page:
    """What a report says, from top to bottom.

    `facts`: the first is the headline. `warnings`: what a reader must know to read the numbers rightly. `notes`:
    what is good to know. `details`: tables of what ran (components, versions, environment). `recipe`: the YAML
    text. `generated`: the last line.
    """

    title: str
    subtitle: str = ""
    facts: tuple[Fact, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    details: tuple[Table, ...] = ()
    recipe: str = ""
    generated: str = ""


def render(page: Page) -> str:
    """Return the page as HTML that needs no other file and asks nothing of the network.

    Its one script, page.js, sorts and filters what is on it; the page's policy names the script's digest and lets
    nothing else run. Every text is escaped. The same page gives the same text, which can be encoded as UTF-8 whatever
    its class names hold.
    """
    environment = Environment(
        loader=PackageLoader("cvkit.figures", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    environment.filters["digest"] = _digest
    script = files("cvkit.figures").joinpath("page.js").read_text(encoding="utf-8")
    html = environment.get_template("page.html").render(page=page, script=script)
    return html.encode(errors="replace").decode()


def _data_uri(content: str | bytes, mime: str) -> str:
    data = content.encode() if isinstance(content, str) else content
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def _digest(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
