"""Chooses the data folder of an existing run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..runs.data_folder import data_folder
from .loading import warn

if TYPE_CHECKING:
    from ..data.places import DataRoot
    from ..recipe import Recipe
    from ..runs.folder import RunFolder


def data_root_of(folder: RunFolder, recipe: Recipe, given: Path | None) -> DataRoot:
    """Return the data folder of a run: `given`, or else the folder that it used if that still contains the data set.

    `given` may also be the new place of data that was moved.

    run.json may come from an untrusted source, so nothing may be created or downloaded at the path in it. If the data
    set is missing there, prints a warning and returns the default folder.
    """
    from ..data.places import DataRoot

    default, info = data_folder(given), folder.info()
    known = info.get("data")
    if given is not None:
        return DataRoot(default, reopened=True, given=True)
    if not known or Path(known) == default.absolute():
        return DataRoot(default)
    if not (reason := _unfit(Path(known), recipe)):
        return DataRoot(Path(known), reopened=bool(info.get("data_is_dataset")))
    warn(f"the data folder '{known}' in run.json {reason}; using '{default}'. Choose another with --data")
    return DataRoot(default)


def _unfit(named: Path, recipe: Recipe) -> str:
    """Return why a data set might write to the place `named`; empty if it would only read there."""
    if not (os.path.isdir(named) or (os.path.isfile(named) and _reads_a_path(recipe))):
        return "does not exist"
    for part in recipe.dataset.family():
        factory = part.entry.load()
        if getattr(factory, "fetch", None) is None:  # only data sets with `fetch` download files
            continue
        holds = getattr(factory, "holds", None)
        if holds is None:
            return f"may not contain {part.entry.id}"
        from ..guard import Guard  # imports torch

        if not Guard(part.entry)(holds, named):
            return f"does not contain {part.entry.id}"
    return ""


def _reads_a_path(recipe: Recipe) -> bool:
    """Whether the data set reads a path in the recipe, whose new place may be a file."""
    return any(isinstance(value, Path) for part in recipe.dataset.family() for value in part.options.values())
