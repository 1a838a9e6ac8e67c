"""Calibrate a trained model on the validation images of its run, and measure the result on the test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..data.resizing import framed_halves
from ..data.splits import HOW_TO_HAVE_VALIDATION_IMAGES, Splits
from ..engine.intervals import Share
from ..engine.predictions import Predictions
from ..engine.run_classifier import RunClassifier, run_classifier
from ..errors import DataError, RunError
from ..explain.image_files import find_images
from ..explain.image_io import reader_of
from ..explain.image_source import FromFiles
from ..formatting import counted
from ..recipe import Recipe
from ..runs.folder import RunFolder
from ..runs.load import LoadedModel
from ..tasks import SINGLE_LABEL
from .halves import halves, only
from .predicting import Advance, logits_of_files, predict_half
from .promises import Promise
from .result import CalibrationResult
from .temperature import fit_temperature, fit_vector_scaling, remarks


def require_one_class(task: str) -> None:
    """Raise `RunError` if images have sets of labels, for which thresholds exist already."""
    if task != SINGLE_LABEL.name:
        raise RunError(
            "the images of this run have sets of labels, and cvkit calibrates only models of images with one class "
            "each. The setting evaluation.thresholds chooses a threshold for each label"
        )


def require_halves(splits: Splits) -> None:
    """Raise `RunError` unless there are validation images to fit and choose with, and test images to measure on."""
    if splits.validation is None:
        raise RunError(
            "the data of this run has no validation images, and a calibration on the training or test images would "
            f"promise too much. Train a run with validation images: {HOW_TO_HAVE_VALIDATION_IMAGES}"
        )
    if splits.test is None:
        raise RunError(
            "the data of this run has no test images, so nothing can measure whether the calibration keeps its "
            "promise. Train a run with test images: for photos, add test: 0.15 to the dataset of the recipe"
        )
    if len(splits.validation) < 2:
        raise RunError(
            "the data of this run has 1 validation image, and a calibration needs at least 2 different ones"
        )


@dataclass(frozen=True)
class CalibrationJob:
    """The calibration of a model.

    Attributes:
        classifier: The model of the run, which computes as its evaluation and `cvkit predict` do.
        recipe: The recipe of the run.
        splits: The data of the run; validation and test images have the size of the model.
        promise: What to promise; None to calibrate the probabilities only.
        per_class: Whether to fit a temperature and a bias for each class.
        foreign: Image files that show none of the classes; None if there are none.
        remarks: What differs from the evaluation of the run.
    """

    classifier: RunClassifier
    recipe: Recipe
    splits: Splits
    promise: Promise | None = None
    per_class: bool = False
    foreign: FromFiles | None = None
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of images to predict."""
        return sum(len(self.splits.half(half)) for half in self.splits.halves) + len(self.foreign or ())

    def make(self, advance: Advance) -> CalibrationResult:
        """Return the calibration; `advance` is called with the number of images that were predicted.

        The same images never serve two purposes: one half of the validation images fits the temperature, the other
        half chooses the rule, and the test images measure. Without a promise, all validation images fit it. Raises
        `RunError` if the promise cannot be kept.
        """
        validation = predict_half(self.classifier, self.splits, "validation", self.recipe, advance)
        test = predict_half(self.classifier, self.splits, "test", self.recipe, advance)
        classes, seed = self.classifier.info.classes, self.classifier.trained.seed
        result = calibrated(validation, test, classes, seed, self.promise, self.per_class)
        result = replace(result, warnings=(*self.remarks, *result.warnings))
        return result if self.foreign is None else self._with_foreign(result, self.foreign, advance)

    def _with_foreign(self, result: CalibrationResult, source: FromFiles, advance: Advance) -> CalibrationResult:
        logits = logits_of_files(self.classifier, source, advance)
        if not len(logits):
            raise DataError(f"none of the images {source.name} can be read: {source.unread[0]}")
        _, declined = result.abstention.apply(logits)
        warnings = (*result.warnings, *source.unread, *_named_like_classes(source))
        return replace(result, foreign=Share.where(declined), warnings=warnings)


def prepared(
    folder: RunFolder,
    loaded: LoadedModel,
    recipe: Recipe,
    splits: Splits,
    promise: Promise | None = None,
    per_class: bool = False,
    foreign: Path | None = None,
) -> CalibrationJob:
    """Return the calibration of the model that was loaded from `folder`, with the data of its run.

    `foreign` is a folder of images of no class of the run. Raises `RunError` if the data lacks validation or test
    images, and `DataError` if there are no foreign images, or if image files cannot have the channels of the model.
    """
    info = loaded.trained.info
    require_halves(splits)
    source = None
    if foreign is not None:
        files = find_images([foreign], info.classes, folder.path)
        source = FromFiles(f"from {foreign}", files, reader_of(recipe, info.channels), info)
    own_size = framed_halves(replace(splits, info=info))
    classifier, remarks = run_classifier(recipe, loaded.trained)
    return CalibrationJob(classifier, recipe, own_size, promise, per_class, source, tuple(remarks))


def calibrated(
    validation: Predictions,
    test: Predictions,
    classes: Sequence[str],
    seed: int,
    promise: Promise | None = None,
    per_class: bool = False,
) -> CalibrationResult:
    """Return the calibration by predictions for validation images, measured on predictions for test images."""
    fitting, choosing = validation, None
    if promise is not None:
        first, second = halves(len(validation.labels), seed)
        fitting, choosing = only(validation, first), only(validation, second)
    given = (fitting.logits, fitting.labels)
    found = fit_vector_scaling(*given, tuple(classes)) if per_class else fit_temperature(*given)
    doubts = tuple(remarks(found, *given))
    notes: tuple[str, ...] = ()
    if promise is not None and choosing is not None:
        found, note = promise.choose(found, choosing, fitting)
        notes = (note,)
    chosen_on = 0 if choosing is None else len(choosing.labels)
    return CalibrationResult(found, promise, len(fitting.labels), chosen_on, test, None, notes, doubts)


def _named_like_classes(source: FromFiles) -> list[str]:
    """Return a warning if files are in a folder with the name of a class, because they may show that class."""
    known = sum(file.label is not None for file in source.files)
    if not known:
        return []
    return [f"{counted(known, 'foreign image')} may not be foreign: the folder has the name of a class of the run"]
