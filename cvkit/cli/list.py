"""``cvkit list``: every component, its kind, plugin and version."""

from __future__ import annotations

import json

import click

from ..component import KINDS
from ..registry import Entry
from .loading import load_catalog
from .tables import print_table


@click.command("list")
@click.argument("kind", required=False, metavar="[KIND]", type=click.Choice(list(KINDS)))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_components(kind: str | None, as_json: bool) -> None:
    """List the components that recipes can name, of one KIND or of all."""
    catalog = load_catalog()
    entries = catalog[kind].entries() if kind else list(catalog.entries())
    if as_json:
        click.echo(json.dumps([_row(entry) for entry in entries], indent=2))
    else:
        rows = [[entry.kind.singular, entry.id, _version(entry), entry.component.summary] for entry in entries]
        print_table(["kind", "name", "from", "what it is"], rows)


def _version(entry: Entry) -> str:
    return f"{entry.origin.distribution} {entry.origin.version}"


def _row(entry: Entry) -> dict[str, object]:
    return {
        "kind": entry.kind.name,
        "id": entry.id,
        "family": entry.component.is_family,
        "summary": entry.component.summary,
        "plugin": entry.origin.plugin,
        "distribution": entry.origin.distribution,
        "version": entry.origin.version,
    }
