"""Chooses the data folder of an existing run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..runs.data_folder import data_folder
from .loading import warn

if TYPE_CHECKING:
    from ..recipe import Recipe
    from ..runs.folder import RunFolder


def data_root_of(folder: RunFolder, recipe: Recipe, given: Path | None) -> Path:
    """Return the data folder of a run: `given`, or else the folder that it used if that still contains the data set.

    run.json may come from an untrusted source, so nothing may be created or downloaded at the path in it. If the data
    set is missing there, prints a warning and returns the default folder.
    """
    default, known = data_folder(given), folder.info().get("data")
    if given is not None or not known or Path(known) == default.absolute():
        return default
    if not (reason := _unfit(Path(known), recipe)):
        return Path(known)
    warn(f"the data folder '{known}' in run.json {reason}; using '{default}'. Choose another with --data")
    return default


def _unfit(named: Path, recipe: Recipe) -> str:
    """Return why a data set might write to the folder `named`; empty if it would only read there."""
    if not os.path.isdir(named):
        return "does not exist"
    entry = recipe.dataset.entry
    factory = entry.load()
    if getattr(factory, "fetch", None) is None:  # only data sets with `fetch` download files
        return ""
    holds = getattr(factory, "holds", None)
    if holds is None:
        return f"may not contain {entry.id}"
    from ..guard import Guard  # imports torch

    return "" if Guard(entry)(holds, named) else f"does not contain {entry.id}"
