"""The sections that a recipe names: built, checked and rendered once, so that a faulty one is only left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar, get_args

from ..engine.building import build_checked
from ..figures.artifacts import Artifact, Table
from ..figures.page import Page, Section, render
from ..guard import Guard, fault_of
from ..host.registry import Entry
from ..recipe import Part

Named = TypeVar("Named", bound=Artifact)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def plugin_sections(parts: Sequence[Part], supplied: Sequence[Any], warnings: list[str]) -> list[Section]:
    """Return the sections of `parts` for what a run supplies; add a line to `warnings` for each that fails.

    The files of a section's artifacts are named after the plugin and the component, so that they replace no others.
    """
    sections, taken = [], set[str]()
    for part in parts:
        try:
            sections.append(_section(part, supplied, taken))
        except (Exception, SystemExit) as error:
            warnings.append(f"{fault_of(part.entry, error)}; the report has no such section")
    return sections


def faults(section: Section) -> Iterator[str]:
    """Yield what keeps a page from showing a section, and its artifacts from being saved."""
    if not isinstance(section.title, str) or not section.title.strip():
        yield "has no title"
    if not isinstance(section.artifacts, tuple | list):
        yield f"has artifacts of type {type(section.artifacts).__name__}; expected a tuple"
        return
    if not isinstance(section.folded, tuple | list):
        yield f"has folded tables of type {type(section.folded).__name__}; expected a tuple"
        return
    for table in section.folded:
        if not isinstance(table, Table):
            yield f"folds a {type(table).__name__}; expected a Table"
    names = []
    for artifact in (*section.artifacts, *section.folded):
        if not isinstance(artifact, get_args(Artifact)):
            yield f"contains a {type(artifact).__name__}; expected a Figure, Table, Gallery or Matrix"
        elif not (isinstance(artifact.name, str) and _NAME.fullmatch(artifact.name)):
            yield f"has the artifact name {artifact.name!r}; expected letters, digits, '-' and '_'"
        elif artifact.name in names:
            yield f"has two artifacts with the name '{artifact.name}'"
        else:
            names.append(artifact.name)


def _section(part: Part, supplied: Sequence[Any], taken: set[str]) -> Section:
    made: Section = build_checked(part, *supplied)
    entry, guard = part.entry, Guard(part.entry, "returned a section that cannot be shown")
    for fault in faults(made):
        raise guard.failure(f"returned a section that {fault}")
    artifacts = tuple(_renamed(artifact, entry, taken) for artifact in made.artifacts)
    folded = tuple(_renamed(table, entry, taken) for table in made.folded)
    section = replace(made, artifacts=artifacts, folded=folded)
    guard(lambda: [artifact.files() for artifact in (*artifacts, *folded)])
    guard(lambda: render(Page(section.title, sections=(section,))))
    return section


def _renamed(artifact: Named, entry: Entry, taken: set[str]) -> Named:
    """Return the artifact with a name in the plugin's own folder; a component that is named twice has two names."""
    stem = f"{entry.origin.plugin}/{entry.member or entry.component.name}-{artifact.name}"
    number = 2
    name = stem
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name)
    return replace(artifact, name=name)
