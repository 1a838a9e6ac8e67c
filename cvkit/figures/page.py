"""A `Page` of facts, artifacts and details, and `render`, which writes it as one HTML file."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from itertools import count

from jinja2 import Environment, PackageLoader, StrictUndefined

from .anchors import Target, anchored, artifact_anchor, contents, target
from .artifacts import Table
from .filters import breakable, isolated, middle, nbsp, numeric, overlong
from .finding import Finding
from .inline_svg import inline_svg
from .pictures import Pictures
from .section import Section

__all__ = ["Fact", "Page", "Section", "render"]

_SCRIPTS = ("tips.js", "galleries.js", "tables.js", "matrices.js")
SHOWN_ROWS = 25
"""The rows of a longer table that a page shows at first; the page's script has a button for all rows."""
SHOWN_CARDS = 12
"""The images of a longer gallery that a page shows at first; all that match a filter are shown."""


@dataclass(frozen=True)
class Fact:
    """A number with a label and a note: ``Fact("Test accuracy", "84.5 %", "8,450 of 10,000 test images")``."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Page:
    """The content of a report, from top to bottom.

    Attributes:
        title: The heading of the page.
        subtitle: A line below the title.
        facts: Numbers; the first is the headline.
        warnings: Lines that readers need to interpret the numbers correctly.
        notes: Further remarks.
        sections: The body of the page.
        details: Tables of the configuration: components, versions, environment.
        recipe: The YAML text of the recipe.
        recipe_title: What the recipe is.
        generated: The last line.
        findings: What is good, wrong or deserves a look, in this order of the page, below the headline.
        shown_findings: The number of findings that are shown; the others are folded.
        downloads: Files beside the page, each with what it contains.
    """

    title: str
    subtitle: str = ""
    facts: tuple[Fact, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    details: tuple[Table, ...] = ()
    recipe: str = ""
    recipe_title: str = "The resolved recipe, including all defaults"
    generated: str = ""
    findings: tuple[Finding, ...] = ()
    shown_findings: int = 8
    downloads: tuple[tuple[str, str], ...] = ()

    def anchored(self) -> tuple[tuple[Section, str], ...]:
        """Return the sections that have content, each with the identifier that links refer to."""
        return anchored(self.sections)

    def contents(self) -> tuple[Target, ...]:
        """Return the table of contents."""
        return contents(self.sections, bool(self.findings), bool(self.details or self.recipe))

    def target(self, name: str) -> Target | None:
        """Return the place on the page with the name of an artifact or the title of a section; None without one.

        Args:
            name: The name or the title.
        """
        return target(self.sections, name)


def render(page: Page) -> str:
    """Return the page as HTML that needs no other file and no network access.

    Its only script sorts and filters the content and shows the values of figures. The page's content security policy
    contains the script's digest and blocks all other scripts. All text is escaped. The result is deterministic, and
    it can be encoded as UTF-8 whatever the class names contain.
    """
    environment = Environment(
        loader=PackageLoader("cvkit.figures", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    numbers = count(1)
    pictures = Pictures([artifact for section in page.sections for artifact in (*section.artifacts, *section.folded)])
    environment.filters |= {
        "inline": lambda figure: inline_svg(figure, next(numbers)),
        "picture": pictures.element,
        "anchor": artifact_anchor,
        "data_uri": _data_uri,
        "digest": _digest,
        "breakable": breakable,
        "isolated": isolated,
        "nbsp": nbsp,
        "middle": middle,
        "numeric": numeric,
        "overlong": overlong,
    }
    environment.globals["shown_rows"] = SHOWN_ROWS
    environment.globals["shown_cards"] = SHOWN_CARDS
    script = "\n".join(files("cvkit.figures").joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS)
    html = environment.get_template("page.html").render(page=page, script=script, picture_style=pictures.style)
    return html.encode(errors="replace").decode()


def _data_uri(content: str | bytes, mime: str) -> str:
    data = content.encode() if isinstance(content, str) else content
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def _digest(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"
