"""``cvkit finish``: evaluate and report a run that was stopped, without training it further."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import FolderError
from ..printable import shell_words
from .options import PluginChoice, accept_option, moved_data_option, plugin_options
from .run import resume_run


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@moved_data_option
@accept_option
@plugin_options
def finish(folder: Path, data: Path | None, accept_changes: bool, choice: PluginChoice) -> None:
    """Evaluate and report the stopped run in the folder RUN, without training it further.

    The weights are those of the best epoch if the recipe sets selection.keep_best, and else those of the last
    checkpoint. `cvkit resume` can still continue the run afterwards.
    """
    from ..runs.folder import RunFolder

    found = RunFolder.open(folder)
    if found.info().get("status") == "finished":
        raise FolderError(
            f"the run in '{folder}' is finished; its report is {found.report_path}. To write a missing report again: "
            f"{shell_words('cvkit', 'resume', folder)}"
        )
    resume_run(found, data, choice, accept_changes, finishes=True)
