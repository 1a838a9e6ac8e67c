"""Finds and opens the data set of an existing run, and checks that it is the one that the run was trained on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..data.places import DataRoot
from ..data.splits import Splits
from ..engine.building import located_recipe
from ..guard import Guard
from ..recipe import Recipe
from .data_folder import data_folder
from .folder import RunFolder
from .moved_data import data_places, open_run_data

Warn = Callable[[str], None]


def data_root_of(folder: RunFolder, recipe: Recipe, given: Path | None, warn: Warn) -> DataRoot:
    """Return the data folder of a run: `given`, or else the folder that it used if that still contains the data set.

    `given` may also be the new place of data that was moved.

    run.json may come from an untrusted source, so nothing may be created or downloaded at the path in it. If the data
    set is missing there, calls `warn` and returns the default folder.
    """
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


def open_data_of(folder: RunFolder, recipe: Recipe, given: Path | None, digest: str | None, warn: Warn) -> Splits:
    """Return the data set of a run, found as by `data_root_of`.

    `digest` is that of the data in the run's checkpoint, or None if it is unknown. Raises `DataError` if the data set
    cannot be opened, and `CheckpointError` if its digest differs. If it cannot be compared, calls `warn`.
    """
    splits = open_run_data(recipe, data_root_of(folder, recipe, given, warn), lambda: digest)
    if digest is not None:
        splits.require(digest, data_places(recipe))
        if why := splits.incomparable(digest):
            warn(f"could not check that the data set is the one the run was trained on: it {why}")
    return splits


def places_of(folder: RunFolder, recipe: Recipe, given: Path | None) -> list[Path]:
    """Return the places of the data set of a run, found as by `open_data_of`, without opening it.

    Raises `DataError` if there is nothing at one of them.
    """
    return data_places(located_recipe(recipe, data_root_of(folder, recipe, given, lambda line: None)))


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
        if not Guard(part.entry)(holds, named):
            return f"does not contain {part.entry.id}"
    return ""


def _reads_a_path(recipe: Recipe) -> bool:
    """Whether the data set reads a path in the recipe, whose new place may be a file."""
    return any(isinstance(value, Path) for part in recipe.dataset.family() for value in part.options.values())
