"""`OpenedModel`: what the parts of `Model` share: the loaded weights, the run folder and its data."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from PIL import Image

from ..data.reduction import Needed
from ..data.splits import DataInfo, Splits
from ..engine.abstention import Abstention
from ..engine.predictions import predictions_of
from ..engine.run_classifier import run_classifier
from ..engine.trained_model import TrainedModel
from ..explain.image_io import reader_of
from ..explain.picture import Picture
from ..explain.selection import class_index
from ..formatting import counted
from ..host.catalog import Catalog
from ..prediction.opened import OpenedClassifier, opened_run
from ..recipe import Recipe
from ..runs.folder import RunFolder
from ..runs.load import load_trained
from ..runs.run_data import open_data_of
from .images import ImageLike, picture_of

log = logging.getLogger("cvkit")


class OpenedModel:
    """A trained model, loaded from a run folder. `Model` has the attributes and the methods that users see."""

    def __init__(
        self, folder: RunFolder, recipe: Recipe, catalog: Catalog, info: DataInfo, data: Path | None = None
    ) -> None:
        loaded = load_trained(folder, recipe, info)
        self._folder, self._catalog, self.info = folder, catalog, info
        warn(*loaded.damaged, *run_classifier(recipe, loaded.trained)[1])
        self.folder, self.recipe, self.classes = folder.path, recipe, info.classes
        self.checkpoint, self.finished = loaded.checkpoint_label, loaded.finished
        self.thresholds = predictions_of(info.task).usual_thresholds(len(info.classes))
        self.thresholds = loaded.trained.thresholds or self.thresholds
        self._data, self._digest, self._loaded = data, loaded.digest, loaded

    def __repr__(self) -> str:
        return f"Model({str(self.folder)!r}, {self.checkpoint}, {counted(len(self.classes), 'class')})"

    @property
    def _trained(self) -> TrainedModel:
        return self._loaded.trained

    @property
    def abstention(self) -> Abstention | None:
        """The calibration of the probabilities, and which images are declined; None if the run is not calibrated."""
        return self._trained.abstention

    @property
    def module(self) -> torch.nn.Module:
        """The model itself, in evaluation mode; it takes normalised images (B, C, H, W) and returns logits (B, K)."""
        return self._trained.model

    def class_index(self, name: str | int) -> int:
        """Return the index of a class.

        Args:
            name: The name of the class or its index, counted from 0.

        Returns:
            The index.

        Raises:
            DataError: There is no such class.
        """
        return class_index(name, self.classes)

    @property
    def _opened(self) -> OpenedClassifier:
        return opened_run(self._folder, self.recipe, self._loaded)

    def _picture(self, image: ImageLike, number: int) -> Picture:
        return picture_of(image, f"image {number}", self._read, self.info)

    def _splits(self) -> Splits:
        return open_data_of(self._folder, self.recipe, self._data, self._digest, warn)

    def _read(self, path: Path, needed: Needed | None = None) -> Image.Image:
        return reader_of(self.recipe, self.info.channels)(path, needed)


def warn(*lines: str) -> None:
    """Write warnings to the log of cvkit."""
    for line in lines:
        log.warning("%s", line)
