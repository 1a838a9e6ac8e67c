"""`load`: a trained model from its run folder."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ..prediction.opened import data_info_of
from ..recipe import resolve
from ..runs.folder import RunFolder
from ..runs.provenance import drift_of, require_plugins
from .catalog import PluginPaths, catalog_of
from .model import Model
from .results import TrainedRun

log = logging.getLogger("cvkit")


def load(
    folder: str | os.PathLike[str] | TrainedRun,
    *,
    plugins: PluginPaths = (),
    data: str | os.PathLike[str] | None = None,
) -> Model:
    """Return the trained model of a run. Only the run folder is necessary.

    Args:
        folder: The run folder, or a run that `cvkit.train` returned.
        plugins: Paths of plugins that are not installed and that the run used.
        data: The data folder, or the new place of the data of the run, for explainers that use training images. By
            default the place where the run read them.

    Returns:
        The model, on the recipe's device, or on the best available device if that one cannot be used.

    Raises:
        FolderError: The folder is not a run folder.
        RunError: A plugin that the run used is missing.
        CheckpointError: The folder contains no checkpoint that can be read.
    """
    found = RunFolder.open(folder.folder if isinstance(folder, TrainedRun) else Path(folder).expanduser())
    document = found.document()
    catalog = catalog_of(document.disabled, plugins)
    require_plugins(found.path, found.info(), catalog, "add plugins=[{}]")
    for sentence in drift_of(found.info(), catalog):
        log.warning("%s", sentence)
    info = data_info_of(found)
    place = None if data is None else Path(data)
    return Model(found, resolve(document, catalog), catalog, info, place)
