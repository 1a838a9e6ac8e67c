"""The anchors of a page: what can be linked to, and the table of contents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .section import Section

CONFIGURATION = "Configuration"
"""The title of the last section, with the tables of the configuration."""


@dataclass(frozen=True)
class Target:
    """A place on the page: the identifier of an element, and the title that readers see."""

    anchor: str
    title: str


def anchored(sections: Sequence[Section]) -> tuple[tuple[Section, str], ...]:
    """Return the sections that have content, each with its own identifier."""
    taken: set[str] = set()
    return tuple((section, _own(section.title, taken)) for section in sections if section.shown)


def contents(sections: Sequence[Section], findings: bool, configuration: bool) -> tuple[Target, ...]:
    """Return the sections of a page in reading order, with those that plugins have added.

    `findings` and `configuration` are whether the page has these two sections of its own.
    """
    found = [Target(anchor, section.title) for section, anchor in anchored(sections)]
    if findings:
        found.insert(0, Target("findings", "Findings"))
    if configuration:
        found.append(Target("configuration", CONFIGURATION))
    return tuple(found)


def target(sections: Sequence[Section], name: str) -> Target | None:
    """Return the place with the name of an artifact or the title of a section; None if there is no such place."""
    for section, anchor in anchored(sections):
        if section.title == name:
            return Target(anchor, section.title)
        for artifact in (*section.artifacts, *section.folded):
            if artifact.name == name:
                return Target(artifact_anchor(name), artifact.title)
    return None


def artifact_anchor(name: str) -> str:
    """Return the identifier of an artifact with this name. It cannot be one of a section."""
    return f"a-{_slug(name)}"


def _own(title: str, taken: set[str]) -> str:
    """Return an identifier that no earlier section has. Those of the page itself do not begin with ``s-``."""
    stem = f"s-{_slug(title)}"
    anchor, number = stem, 2
    while anchor in taken:
        anchor, number = f"{stem}-{number}", number + 1
    taken.add(anchor)
    return anchor


def _slug(words: str) -> str:
    return re.sub(r"\W+", "-", words.lower()).strip("-")
