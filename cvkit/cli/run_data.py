"""Where the data of a run is looked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .loading import warn
from .options import data_folder

if TYPE_CHECKING:
    from ..recipe import Recipe
    from ..runs.folder import RunFolder


def data_root_of(folder: RunFolder, recipe: Recipe, given: Path | None) -> Path:
    """Return the data folder of a run: the one given, else the one it used, where that holds the data set already.

    run.json may come from a stranger, so nothing may be made or fetched where it says. The default is used then, and
    that is said on stderr.
    """
    default, known = data_folder(given), folder.info().get("data")
    if given is not None or not known or Path(known) == default.absolute():
        return default
    if not (reason := _unfit(Path(known), recipe)):
        return Path(known)
    warn(f"run.json names the data folder '{known}', which {reason}: '{default}' is used. Name another with --data")
    return default


def _unfit(named: Path, recipe: Recipe) -> str:
    """Return why a data set might write into the folder `named`; empty where it only reads there."""
    if not os.path.isdir(named):
        return "is not there"
    entry = recipe.dataset.entry
    factory = entry.load()
    if getattr(factory, "fetch", None) is None:  # it fetches nothing, as those that do say so
        return ""
    holds = getattr(factory, "holds", None)
    if holds is None:
        return f"may not hold {entry.id}"
    from ..guard import Guard  # torch loads here

    return "" if Guard(entry)(holds, named) else f"does not hold {entry.id}"
