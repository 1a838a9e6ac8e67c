"""``cvkit resume``: continue a run in its own folder."""

from __future__ import annotations

from pathlib import Path

import click

from .loading import load_recipe
from .options import data_folder, data_option
from .run import carry_out


@click.command()
@click.argument("folder", metavar="RUN", type=click.Path(file_okay=False, path_type=Path))
@data_option
def resume(folder: Path, data: Path | None) -> None:
    """Continue the run in the folder RUN after its last checkpoint."""
    from ..folder import RunFolder

    found = RunFolder.open(folder)
    info = found.info()
    if info.get("status") == "finished":
        click.echo(f"this run has finished; report: {found.report_path}")
        return
    recipe, catalog = load_recipe(found.recipe_path)
    known = Path(info["data"]) if data is None and "data" in info else data_folder(data)
    carry_out(recipe, catalog, found, known)
