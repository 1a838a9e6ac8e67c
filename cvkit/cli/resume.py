"""``cvkit resume``: continue a run in its own folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..printable import shell_words
from .loading import load_catalog, tell_drift
from .options import PluginChoice, accept_option, moved_data_option, plugin_options
from .run import resume_run
from .terminal import echo
from .together import joined

if TYPE_CHECKING:
    from ..world.world import World


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@moved_data_option
@accept_option
@plugin_options
def resume(folder: Path, data: Path | None, accept_changes: bool, choice: PluginChoice) -> None:
    """Continue the run in the folder RUN from its last checkpoint.

    If training is finished and only the report is missing, writes the report.
    """
    with joined() as world:
        _resume(folder, data, accept_changes, choice, world)


def _resume(folder: Path, data: Path | None, accept_changes: bool, choice: PluginChoice, world: World | None) -> None:
    from ..runs.folder import RunFolder

    found = RunFolder.open(folder)
    info = found.info()
    if world is not None:
        info = world.from_first(info)
    finished = info.get("status") == "finished"
    if finished and info.get("finished_early"):
        echo("`cvkit finish` reported this run before its planned end; continuing its training")
    elif finished and not found.report_path.exists():
        echo("this run is finished, but its report is missing; writing it again")
    elif finished:
        echo(f"this run is finished; report: {found.report_path}")
        echo(f"to train it for more epochs: {shell_words('cvkit', 'extend', folder)} --epochs N")
        tell_drift(found, load_catalog(choice))
        return
    resume_run(found, data, choice, accept_changes, world=world)
