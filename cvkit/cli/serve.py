"""``cvkit serve``: a page and a JSON endpoint that predict uploaded images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import RunError
from ..host.entry_points import CORE
from ..host.requirements import missing_requirements
from .loading import reopen, warn
from .options import PluginChoice, model_argument, moved_data_option, plugin_options, trust_option
from .terminal import echo

if TYPE_CHECKING:
    from ..serving.served_model import ServedModel

_REQUIRED = ("starlette>=0.40", "uvicorn>=0.30")


@click.command()
@model_argument
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
@trust_option
@plugin_options
def serve(
    folder: Path, host: str, port: int, max_mb: float, data: Path | None, trusted: bool, choice: PluginChoice
) -> None:
    """Serve a trained MODEL: a page to drop an image on, and a JSON endpoint.

    MODEL is a run folder, or a model.onnx or model.pt2 file that `cvkit export` wrote. The page of a run also shows
    which pixels support a class. Press Ctrl-C to stop. Needs the extra 'serve': pip install "cvkit-core[serve]".
    """
    if missing := missing_requirements(_REQUIRED, CORE):
        raise RunError(". ".join(missing))
    from ..serving.answers import Answers
    from ..serving.application import application
    from ..serving.server import bind, hosts_for, is_loopback, run

    with bind(host, port) as listener:
        model = _opened(folder, data, trusted, choice)
        served = application(Answers(model), int(max_mb * 1_000_000), hosts_for(host))
        for note in model.notes:
            warn(note)
        if not is_loopback(host):
            warn(f"everybody who can reach {host} can send images to this server; it asks for no password")
        run(served, listener, lambda address: echo(f"serving {model.name} at {address}; press Ctrl-C to stop"))
    echo("stopped")


def _opened(folder: Path, data: Path | None, trusted: bool, choice: PluginChoice) -> ServedModel:
    """Return the model at `folder`; `data` is the place of the data of a run."""
    from ..api.model import Model
    from ..prediction.opened import data_info_of, is_exported, opened_file
    from ..runs.folder import RunFolder
    from ..serving.served_model import ServedModel

    if is_exported(folder):
        if data is not None:
            raise click.UsageError("--data is for the maps of a run, and an exported file has none; leave out --data")
        return ServedModel.of_file(opened_file(folder, trusted=trusted))
    found = RunFolder.open(folder)
    recipe, catalog = reopen(found, choice)
    return ServedModel.of_run(Model(found, recipe, catalog, data_info_of(found), data))
