"""Chooses the data folder of an existing run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .loading import warn

if TYPE_CHECKING:
    from ..data.places import DataRoot
    from ..recipe import Recipe
    from ..runs.folder import RunFolder


def data_root_of(folder: RunFolder, recipe: Recipe, given: Path | None) -> DataRoot:
    """Return the data folder of a run, as `runs.run_data.data_root_of` does; its warnings are printed."""
    from ..runs import run_data  # imports torch

    return run_data.data_root_of(folder, recipe, given, warn)
