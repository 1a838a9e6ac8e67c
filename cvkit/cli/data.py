"""``cvkit data fetch`` and ``cvkit data pack``: download a data set, or pack that of a recipe into shards."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import DataError
from ..runs.data_folder import data_folder
from .completing import component_ids
from .loading import load_catalog
from .options import PluginChoice, data_option, plugin_options
from .pack import pack
from .terminal import echo


@click.group()
def data() -> None:
    """Manage data sets."""


@data.command()
@click.argument("name", shell_complete=component_ids("datasets"))
@data_option
@plugin_options
@click.option("--force", is_flag=True, help="Download the data set even if it is in the data folder.")
def fetch(name: str, data: Path | None, force: bool, choice: PluginChoice) -> None:
    """Download the data set NAME into the data folder and verify it."""
    entry = load_catalog(choice)["datasets"].find(name)
    fetcher = getattr(entry.load(), "fetch", None)
    if fetcher is None:
        raise DataError(
            f"data set '{entry.id}' has nothing to download: it is generated, or read from files that you provide"
        )
    echo(f"{entry.id} is at {fetcher(data_folder(data), force=force)}")


data.add_command(pack)
