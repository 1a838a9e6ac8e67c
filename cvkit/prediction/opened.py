"""Open what predicts images: a run folder or an exported file. The path decides, in this one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import torch

from ..data.digests import file_digest
from ..data.splits import DataInfo
from ..engine.classifier import Classifier
from ..engine.run_classifier import run_classifier
from ..errors import RunError
from ..explain.image_io import FileReader, reader_of
from ..export.classifier import ONNX, PROGRAM, ExportedClassifier
from ..recipe import Recipe
from ..recipe.settings import View
from ..runs.folder import RunFolder
from ..runs.load import LoadedModel, load_trained

_FILES_AT_ONCE = 50  # images in memory; a file does not say how many its run evaluated at once


@dataclass(frozen=True)
class OpenedClassifier:
    """A classifier, and what is necessary to predict files with it.

    Attributes:
        classifier: The classifier.
        open_reader: Returns what reads image files as the data set of the run does. Raises `DataError` if files
            cannot be read for the model.
        name: The name of the recipe or of the file, for a title.
        label: The model in words, for a line of output.
        checkpoint: After which step and epoch the weights were saved, in words; empty if a file does not say it.
        digest: Returns what identifies the model. It differs if the model predicts differently.
        device: The device that the classifier computes on.
        batch_size: The number of images that are predicted at once, unless the user gives another.
        workers: The number of processes that load images, unless the user gives another.
        warnings: Lines that readers of the predictions must see.
    """

    classifier: Classifier
    open_reader: Callable[[], FileReader]
    name: str
    label: str
    checkpoint: str
    digest: Callable[[], str]
    device: torch.device
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


def is_exported(path: Path) -> bool:
    """Return whether a path is meant as an exported file: it is a file, or has the name of one and does not exist."""
    return path.is_file() or (path.suffix in (ONNX, PROGRAM) and not path.exists())


def open_classifier(
    path: Path, recipe_of: Callable[[RunFolder], Recipe], *, trusted: bool = False
) -> OpenedClassifier:
    """Return the classifier at `path`, which is a run folder or a file that ``cvkit export`` wrote.

    `recipe_of` reads the recipe of a run. A ``.pt2`` file is only read if it is `trusted`, because it can run code.
    Raises `FolderError` if there is neither, `CheckpointError` if the run has no checkpoint, and `RunError` if the
    file cannot be read.
    """
    if is_exported(path):
        return opened_file(path, trusted=trusted)
    folder = RunFolder.open(path)
    recipe = recipe_of(folder)
    return opened_run(folder, recipe, load_trained(folder, recipe, data_info_of(folder)))


def opened_file(path: Path, *, trusted: bool) -> OpenedClassifier:
    """Return the classifier in an exported file, which reads images as its metadata says."""
    classifier = ExportedClassifier.open(path, trusted=trusted)
    origin = f" of run {classifier.run}" if classifier.run else ""
    state = f", exported {classifier.checkpoint}" if classifier.checkpoint else ""
    return OpenedClassifier(
        classifier,
        classifier.file_reader,
        path.name,
        f"{path.name}{origin}{state}",
        classifier.checkpoint,
        partial(file_digest, path),
        torch.device("cpu"),
        _FILES_AT_ONCE,
        0,
        _remarks(classifier),
    )


def _remarks(classifier: ExportedClassifier) -> tuple[str, ...]:
    own = classifier.decoding.reader
    if not own:
        return ()
    return (
        f"the data set of the run, {own}, reads files in its own way, which {classifier.path.name} does not contain; "
        "files are read as by cvkit.read_image",
    )


def data_info_of(folder: RunFolder) -> DataInfo:
    """Return the classes and sizes that a run folder contains; raise `RunError` if it has none."""
    info = folder.data_info()
    if info is None:
        raise RunError(
            f"'{folder.path}' does not contain the classes of its data set; an old version of cvkit wrote it"
        )
    return info


def opened_run(
    folder: RunFolder, recipe: Recipe, loaded: LoadedModel, views: tuple[View, ...] = ()
) -> OpenedClassifier:
    """Return the classifier of a run whose model is loaded; its logits are averaged over `views`, if any."""
    trained = loaded.trained
    classifier, remarks = run_classifier(recipe, trained)
    if views:
        classifier = replace(classifier, views=views)
    return OpenedClassifier(
        classifier,
        partial(reader_of, recipe, trained.info.channels),
        recipe.name,
        f"{folder.path.name}, {loaded.checkpoint_label}",
        loaded.checkpoint_label,
        classifier.digest,
        trained.device,
        min(recipe.evaluation.batch_size, recipe.train.batch_size),
        recipe.train.workers,
        (*loaded.damaged, *remarks),
    )
