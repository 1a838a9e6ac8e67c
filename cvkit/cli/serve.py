"""``cvkit serve``: a page and a JSON endpoint that predict uploaded images."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import RunError
from ..host.entry_points import CORE
from ..host.requirements import missing_requirements
from .loading import reopen, warn
from .options import PluginChoice, moved_data_option, plugin_options
from .terminal import echo

_REQUIRED = ("starlette>=0.40", "uvicorn>=0.30")


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to serve at; other machines cannot use the default.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 for any free one."
)
@click.option(
    "--max-mb", type=click.FloatRange(0, min_open=True), default=20.0, show_default=True, help="Largest upload."
)
@moved_data_option
@plugin_options
def serve(folder: Path, host: str, port: int, max_mb: float, data: Path | None, choice: PluginChoice) -> None:
    """Serve the trained model of RUN: a page to drop an image on, and a JSON endpoint.

    Press Ctrl-C to stop. Needs the extra 'serve': pip install "cvkit-core[serve]".
    """
    if missing := missing_requirements(_REQUIRED, CORE):
        raise RunError(". ".join(missing))
    from ..api.model import Model
    from ..prediction.opened import data_info_of
    from ..runs.folder import RunFolder
    from ..serving.answers import Answers
    from ..serving.application import application
    from ..serving.server import bind, hosts_for, is_loopback, run

    found = RunFolder.open(folder)
    with bind(host, port) as listener:
        recipe, catalog = reopen(found, choice)
        model = Model(found, recipe, catalog, data_info_of(found), data)
        served = application(Answers(model), int(max_mb * 1_000_000), hosts_for(host))
        if not is_loopback(host):
            warn(f"everybody who can reach {host} can send images to this server; it asks for no password")
        run(served, listener, lambda address: echo(f"serving {recipe.name} at {address}; press Ctrl-C to stop"))
    echo("stopped")
