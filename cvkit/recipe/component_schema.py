"""Writes the options of each component as a JSON Schema, with the names that recipes may use for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ..errors import CvkitError
from ..host.registry import Entry, Registry
from ..signatures.docstring import parse_docstring
from .checker import TUNABLE
from .option_schema import Schema, option_schema

_MOST_IDS = 3
_SET: Schema = {
    "type": "string",
    "pattern": rf"^({'|'.join(TUNABLE)})\.\w+$",
    "patternErrorMessage": f"Expected the path of an option of {' or '.join(TUNABLE)}, as in scheduler.max_lr.",
    "description": f"The option to set, one of {' or '.join(TUNABLE)}, as in scheduler.max_lr. Write `auto` there.",
}


@dataclass(frozen=True)
class Offer:
    """A component or a family, the names that recipes may use for it, and the schema of its options.

    `required` lists the required options. `names` is empty for a family whose members could not be listed.
    """

    id: str
    names: tuple[str, ...]
    summary: str
    definition: Schema
    required: tuple[str, ...]

    @property
    def is_family(self) -> bool:
        """Whether this is a family, whose `names` are members that share their options."""
        return self.id.endswith("/*")


def offers_of(registry: Registry) -> tuple[list[Offer], list[str]]:
    """Return the components of one kind that recipes can use, and a sentence for each one that could not be read."""
    offers: list[Offer] = []
    gaps: list[str] = []
    unread: dict[str, list[str]] = {}
    for place, entry, names in _named(registry, gaps):
        try:
            offers.append(_offer(place, entry, names))
        except CvkitError as error:
            cause = error.__cause__
            unread.setdefault(f"{type(cause).__name__}: {cause}" if cause else str(error), []).append(place)
    return offers, [
        *(f"{registry.kind.name} left out: {_several(ids)}: {reason}" for reason, ids in unread.items()),
        *gaps,
    ]


def _several(ids: list[str]) -> str:
    """Return the first few ids on one line, and how many more there are."""
    shown = ", ".join(ids[:_MOST_IDS])
    return f"{shown} and {len(ids) - _MOST_IDS} more" if len(ids) > _MOST_IDS else shown


def _named(registry: Registry, gaps: list[str]) -> Iterator[tuple[str, Entry, tuple[str, ...]]]:
    """Yield each id that has its own options, an entry to read them from, and the names that they apply to."""
    usable = registry.names()
    for entry in registry.entries():
        if not entry.component.is_family:
            yield entry.id, entry, tuple(name for name in (entry.id, entry.component.name) if name in usable)
            continue
        members = [member for member in _members(entry, gaps) if member.id not in usable]
        if members and "{name}" in (entry.component.options_of or ""):
            yield from ((member.id, member, (member.id,)) for member in members)
        else:
            yield entry.id, members[0] if members else entry, tuple(member.id for member in members)


def _members(family: Entry, gaps: list[str]) -> list[Entry]:
    try:
        return [replace(family, member=name) for name in family.members()]
    except CvkitError as error:
        gaps.append(str(error))
        return []


def _offer(place: str, entry: Entry, names: tuple[str, ...]) -> Offer:
    signature, component = entry.signature(), entry.component
    documentation = parse_docstring(signature.doc)
    options = {
        name: option_schema(option, documentation.about(name), entry.kind.tunable)
        for name, option in signature.options.items()
    }
    required = [name for name, option in signature.options.items() if option.required]
    if entry.kind.sets:
        options["set"] = _SET
        required.append("set")
    doc = documentation.summary
    summary = doc if component.is_family and place == entry.id else component.summary
    marks = [f"Deprecated: {component.deprecated}"] if component.deprecated else []
    marks += [
        f"Cannot be used here: {fault}" for fault in entry.missing_requirements() or entry.contract_violations()
    ]
    definition: Schema = {
        "title": place,
        "description": "\n\n".join(filter(None, [component.summary, *marks, doc, f"From {entry.origin}."])),
        "properties": {"name": True, **options},
        "additionalProperties": signature.accepts_extra,
    }
    return Offer(place, names, " ".join([summary, *marks]).strip(), definition, tuple(required))
