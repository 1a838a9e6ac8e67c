"""``cvkit plugins``: every installed plugin, and what went wrong with those that do not work."""

from __future__ import annotations

from collections import Counter

import click

from ..plugins import PluginStatus, discover
from .tables import print_table


@click.command()
def plugins() -> None:
    """List the installed plugins, and what is wrong with any that do not work."""
    catalog = discover()
    counts = Counter(entry.origin for entry in catalog.entries())
    rows = []
    for status in catalog.statuses:
        origin = status.origin
        version = f"{origin.distribution} {origin.version}"
        rows.append([origin.plugin, version, str(counts[origin]), f"{1000 * status.seconds:.1f} ms", _state(status)])
    print_table(["plugin", "from", "components", "declared in", "state"], rows)


def _state(status: PluginStatus) -> str:
    if status.failure:
        return f"failed: {status.failure}"
    return f"works, but its declaration loads {', '.join(status.heavy)}" if status.heavy else "works"
