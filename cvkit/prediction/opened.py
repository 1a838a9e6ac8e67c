"""Open what predicts images: a run folder. The path decides, in this one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from ..data.splits import DataInfo
from ..engine.classifier import Classifier
from ..errors import FolderError, RunError
from ..explain.image_io import FileReader, reader_of
from ..recipe import Recipe
from ..runs.folder import RunFolder
from ..runs.load import LoadedModel, load_trained
from .run_classifier import run_classifier


@dataclass(frozen=True)
class OpenedClassifier:
    """A classifier, and what is necessary to predict files with it.

    Attributes:
        classifier: The classifier.
        open_reader: Returns what reads image files as the data set of the run does. Raises `DataError` if files
            cannot be read for the model.
        label: The model in words, for a line of output.
        digest: Returns what identifies the model. It differs if the model predicts differently.
        batch_size: The number of images that the run evaluates at once.
        workers: The number of processes with which the run loads images.
        warnings: Lines that readers of the predictions must see.
    """

    classifier: Classifier
    open_reader: Callable[[], FileReader]
    label: str
    digest: Callable[[], str]
    batch_size: int
    workers: int
    warnings: tuple[str, ...] = ()

    @cached_property
    def reader(self) -> FileReader:
        """What reads image files."""
        return self.open_reader()

    @property
    def info(self) -> DataInfo:
        """Channels, size and classes of the images."""
        return self.classifier.info


def open_classifier(path: Path, recipe_of: Callable[[RunFolder], Recipe]) -> OpenedClassifier:
    """Return the classifier at `path`, which is a run folder; `recipe_of` reads the recipe of the run.

    Raises `FolderError` if there is none, and `CheckpointError` if the run has no checkpoint.
    """
    if path.is_file():
        raise FolderError(f"'{path}' is a file; expected a run folder, which `cvkit run` creates")
    folder = RunFolder.open(path)
    recipe = recipe_of(folder)
    return opened_run(folder, recipe, load_trained(folder, recipe, data_info_of(folder)))


def data_info_of(folder: RunFolder) -> DataInfo:
    """Return the classes and sizes that a run folder contains; raise `RunError` if it has none."""
    info = folder.data_info()
    if info is None:
        raise RunError(
            f"'{folder.path}' does not contain the classes of its data set; an old version of cvkit wrote it"
        )
    return info


def opened_run(folder: RunFolder, recipe: Recipe, loaded: LoadedModel) -> OpenedClassifier:
    """Return the classifier of a run whose model is loaded."""
    trained = loaded.trained
    classifier, remarks = run_classifier(recipe, trained)
    return OpenedClassifier(
        classifier,
        partial(reader_of, recipe, trained.info.channels),
        f"{folder.path.name}, {loaded.checkpoint_label}",
        classifier.digest,
        min(recipe.evaluation.batch_size, recipe.train.batch_size),
        recipe.train.workers,
        (*loaded.damaged, *remarks),
    )
