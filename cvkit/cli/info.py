"""``cvkit info``: what a component is, what it takes, and where it comes from."""

from __future__ import annotations

from dataclasses import replace

import click

from ..errors import UnknownComponent, did_you_mean
from ..plugins import Catalog
from ..recipe import describe as in_words
from ..registry import Entry
from ..signature import Option
from .loading import load_catalog


@click.command()
@click.argument("name", metavar="ID")
def info(name: str) -> None:
    """Show the component ID: its options, documentation and origin."""
    entries = find_everywhere(load_catalog(), name)
    click.echo("\n\n".join(describe(entry) for entry in entries))


def find_everywhere(catalog: Catalog, name: str) -> list[Entry]:
    """Return every entry that `name` may mean, of whatever kind; raise `UnknownComponent` where there is none."""
    plugin, _, member = name.partition("/")
    families = [entry for entry in catalog.entries() if entry.component.is_family and entry.origin.plugin == plugin]
    found = [entry for entry in catalog.entries() if name in (entry.id, entry.component.name)]
    found += [replace(family, member=member) for family in families if member in family.members()]
    if not found:
        names = {known for registry in catalog.registries.values() for known in registry.names()}
        names |= {f"{plugin}/{known}" for family in families for known in family.members()}
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
    words = in_words(option.type)
    default = (
        "  (required)" if option.required else f" = {option.default!r}" if option.literal else f" = {option.default}"
    )
    return f"{option.name}: {words}{default}"
