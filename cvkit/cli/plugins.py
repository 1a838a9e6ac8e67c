"""``cvkit plugins``: list the installed plugins and the problems of those that do not work."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from ..errors import CvkitError
from ..host.catalog import PluginStatus
from ..host.discovery import disabled_by_environment, discover, unknown_disabled
from .loading import warn
from .options import PluginChoice, plugin_options
from .plugin_commands import PluginCommands, warn_of_refused
from .plugin_status import plugin_state
from .tables import print_table
from .terminal import echo


@click.command()
@click.option(
    "--why", metavar="NAME", help="Explain why a plugin, distribution, module or folder is available or not."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@plugin_options
def plugins(why: str | None, as_json: bool, choice: PluginChoice) -> None:
    """List the installed plugins and their problems."""
    if why is not None and not why.strip():
        raise CvkitError("--why requires a name, such as the name of a plugin. See: cvkit plugins")
    catalog = discover(dict.fromkeys(choice.disabled, "--no-plugin"), choice.paths)
    for sentence in unknown_disabled(catalog, [*choice.disabled, *disabled_by_environment()]):
        warn(sentence)
    from . import COMMANDS  # which names this module

    warn_of_refused(PluginCommands.of(catalog, COMMANDS))
    if why:
        from .plugin_diagnosis import diagnose_plugin

        echo("\n".join(diagnose_plugin(catalog, why)))
        return
    counts = Counter(entry.origin for entry in catalog.entries())
    if as_json:
        echo(json.dumps([_row(status, counts[status.origin]) for status in catalog.statuses], indent=2))
        return
    cells = [
        [
            status.origin.plugin,
            str(status.origin),
            str(counts[status.origin]),
            f"{1000 * status.seconds:.1f} ms",
            plugin_state(status),
        ]
        for status in catalog.statuses
    ]
    print_table(["plugin", "from", "components", "declared in", "state"], cells)


def _row(status: PluginStatus, components: int) -> dict[str, Any]:
    origin = status.origin
    return {
        "plugin": origin.plugin,
        "distribution": origin.distribution,
        "version": origin.version,
        "file": origin.file,
        "sources": origin.sources,
        "components": components,
        "seconds": round(status.seconds, 6),
        "works": status.works,
        "slow": status.slow,
        "heavy": [*status.heavy],
        "failure": status.failure,
        "remedy": status.remedy,
        "disabled": status.disabled,
        "missing": [*status.missing],
        "idle": status.idle,
        "unsupported_hooks": [*status.unsupported_hooks],
    }
