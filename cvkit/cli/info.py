"""``cvkit info``: what a component is, what it takes, and where it comes from."""

from __future__ import annotations

import click

from ..component import KINDS
from ..errors import AmbiguousComponent, UnknownComponent, did_you_mean
from ..plugins import Catalog, discover
from ..registry import Entry
from ..signature import Option


@click.command()
@click.argument("name", metavar="ID")
def info(name: str) -> None:
    """Show the component ID: its options with types and defaults, its documentation and its origin."""
    entries = find_everywhere(discover(), name)
    click.echo("\n\n".join(describe(entry) for entry in entries))


def find_everywhere(catalog: Catalog, name: str) -> list[Entry]:
    """Return the entries of that name, of whatever kind; raise `UnknownComponent` where there is none."""
    found = []
    for registry in catalog.registries.values():
        try:
            found.append(registry.find(name))
        except AmbiguousComponent:
            found += [entry for entry in registry.entries() if entry.component.name == name]
        except UnknownComponent:
            continue
    if not found:
        names = {known for kind in KINDS for known in catalog[kind].names()}
        raise UnknownComponent(f"no component is called '{name}'. {did_you_mean(name, names) or 'See: cvkit list'}")
    return found


def describe(entry: Entry) -> str:
    """Return the description of a component, as lines of text."""
    signature, origin = entry.signature(), entry.origin
    options = [f"  {_option(option)}" for option in signature.options.values()] or ["  none"]
    if signature.open:
        options.append("  ... and others, which it passes on")
    source = f"{signature.file}:{signature.line}" if signature.file else entry.component.target
    return "\n".join(
        [
            f"{entry.id}: {entry.kind.singular}"
            + (f", {entry.component.summary}" if entry.component.summary else ""),
            f"from {origin.distribution} {origin.version}, {source}",
            "",
            "options",
            *options,
            "",
            signature.doc or "(no documentation)",
        ]
    )


def _option(option: Option) -> str:
    annotation = f": {option.annotation}" if option.annotation else ""
    default = (
        "  (required)" if option.required else f" = {option.default!r}" if option.literal else f" = {option.default}"
    )
    return f"{option.name}{annotation}{default}"
