"""`Model`: a trained model, to predict, evaluate and explain with."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import torch
from PIL import Image

from ..calibrating.calibrate import prepared as prepared_calibration
from ..calibrating.calibrate import require_one_class
from ..calibrating.promises import promise_of
from ..calibrating.result import CalibrationResult
from ..calibrating.saving import save
from ..data.reduction import Needed
from ..data.splits import DataInfo, Split, Splits
from ..engine.abstention import Abstention
from ..engine.background import background_of
from ..engine.classifier import require_numbers
from ..engine.predictions import predictions_of
from ..engine.trained_model import TrainedModel
from ..errors import RunError
from ..evaluation.evaluating import Evaluation
from ..evaluation.given_images import TableColumns
from ..evaluation.request import Request, SplitName, prepared
from ..explain.explainers import Explainers
from ..explain.image_io import reader_of
from ..explain.picture import Picture
from ..explain.selection import class_index, with_methods
from ..explain.targets import ExplainTargets
from ..export.choosing import with_exporters
from ..export.jobs import exports_of
from ..formatting import counted
from ..host.assumed import EXPORTER
from ..host.catalog import Catalog
from ..prediction.opened import OpenedClassifier, opened_run
from ..prediction.run_classifier import run_classifier
from ..recipe import Recipe
from ..runs.folder import RunFolder
from ..runs.load import load_trained
from ..runs.run_data import open_data_of
from .answers import ImageExplanation, Prediction, PredictionList
from .files import paths_of, predictions_of_files, require_counts
from .images import SINGLE, ImageLike, picture_of
from .results import ExportedModel

log = logging.getLogger("cvkit")
_AT_ONCE = 250  # images in memory
_NO_TRAINING = "Name the place of its data with cvkit.load(run, data=...), or choose a method without training images"


class Model:
    """A trained model, loaded from a run folder by `cvkit.load`.

    Attributes:
        folder: The run folder.
        recipe: The recipe of the run.
        classes: The names of the classes, in the order of the model's outputs.
        info: Channels, size, normalisation and classes of the model's input.
        checkpoint: After which step and epoch the weights were saved, in words.
        finished: Whether the run has finished; otherwise its further training replaces these weights.
        thresholds: For images with a set of labels: the lowest probability at which each label is predicted, in the
            order of the classes; empty if each image has one class.
    """

    def __init__(
        self, folder: RunFolder, recipe: Recipe, catalog: Catalog, info: DataInfo, data: Path | None = None
    ) -> None:
        loaded = load_trained(folder, recipe, info)
        self._folder, self._catalog, self.info = folder, catalog, info
        self._trained: TrainedModel = loaded.trained
        _warn(*loaded.damaged, *run_classifier(recipe, loaded.trained)[1])
        self.folder, self.recipe, self.classes = folder.path, recipe, info.classes
        self.checkpoint, self.finished = loaded.checkpoint_label, loaded.finished
        self.thresholds = predictions_of(info.task).usual_thresholds(len(info.classes))
        self.thresholds = loaded.trained.thresholds or self.thresholds
        self._data, self._digest, self._loaded = data, loaded.digest, loaded
        inputs = self._trained.inputs
        self._background = background_of(self._training_images, info, inputs, recipe.seed, _NO_TRAINING)

    def __repr__(self) -> str:
        return f"Model({str(self.folder)!r}, {self.checkpoint}, {counted(len(self.classes), 'class')})"

    @property
    def abstention(self) -> Abstention | None:
        """The calibration of the probabilities, and which images are declined; None if the run is not calibrated."""
        return self._trained.abstention

    @property
    def module(self) -> torch.nn.Module:
        """The model itself, in evaluation mode; it takes normalised images (B, C, H, W) and returns logits (B, K)."""
        return self._trained.model

    @overload  # the overloads overlap because a path is also an iterable of texts
    def predict(self, images: ImageLike, top: int = ...) -> Prediction: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, images: Iterable[ImageLike], top: int = ...) -> PredictionList: ...
    def predict(self, images: ImageLike | Iterable[ImageLike], top: int = 1) -> Prediction | PredictionList:
        """Return the most probable classes of an image, or of each of several images.

        If the run is calibrated, by `calibrate` or ``cvkit calibrate``, the probabilities are calibrated ones, and
        `Prediction.declined` is true for images that the model declines.

        Args:
            images: An image, or a list of images. An image is the path of a file, a PIL image, a tensor uint8
                (C, H, W) or an array uint8 (H, W, C) or (H, W), of any size. It is resized to cover the size of the
                model and cropped to the centre.
            top: How many classes to return for each image, at least 1.

        Returns:
            A prediction for a single image, a list of predictions for several images. `Prediction.labels` are the
            labels at or above their thresholds, if the images of the run have sets of labels.

        Raises:
            DataError: A file cannot be read as an image.
            RunError: The model's output is not a number, because its weights are damaged or training has diverged.
            TypeError: An image has another type, or a tensor or an array is not uint8.
            ValueError: `top` is less than 1, or the shape of a tensor or an array is not that of an image.
        """
        require_counts(top=(top, 1))
        if isinstance(images, Iterable) and not isinstance(images, SINGLE):
            return PredictionList(self._predict(list(images), top))
        return self._predict([images], top)[0]

    def _predict(self, images: Sequence[ImageLike], top: int) -> list[Prediction]:
        found: list[Prediction] = []
        classifier = self._opened.classifier
        rule = classifier.prediction_rule
        for start in range(0, len(images), _AT_ONCE):
            part = enumerate(images[start : start + _AT_ONCE], start=start + 1)
            pictures = [self._picture(image, number) for number, image in part]
            logits = classifier.logits(torch.stack([picture.fitted for picture in pictures]))
            require_numbers(logits)
            for picture, chances in zip(pictures, rule.probabilities(logits), strict=True):
                found.append(Prediction.of(picture.name, chances, rule, self.classes, top))
        return found

    def predict_files(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        top: int = 1,
        *,
        workers: int | None = None,
        batch_size: int | None = None,
    ) -> Iterator[Prediction]:
        """Yield the predictions of any number of files, as ``cvkit predict`` makes them.

        Only some batches are in memory. A file that cannot be read gives a prediction without classes whose `error`
        says why.

        Args:
            paths: Files, folders, which are searched with their subfolders, and patterns such as ``photos/*.jpg``.
                One of them or a list. The paths of an iterator are files, and it may have very many.
            top: How many classes to return for each file, at least 1.
            workers: Processes that load images, at least 0; by default ``train.workers`` of the recipe.
            batch_size: Images that are predicted at once, at least 1; by default as the run evaluates them.

        Returns:
            An iterator over the predictions, in the order of the files; those of a folder are sorted by name.

        Raises:
            DataError: A path does not exist.
            MachineError: The memory is not large enough.
            ValueError: `top`, `workers` or `batch_size` is too small.
        """
        require_counts(top=(top, 1), workers=(workers, 0), batch_size=(batch_size, 1))
        return predictions_of_files(self._opened, paths_of(paths), top, workers, batch_size)

    def evaluate(
        self,
        data: str | os.PathLike[str] | None = None,
        *,
        split: SplitName | None = None,
        column: str | None = None,
        label_column: str | None = None,
        ignore_unknown: bool = False,
        views: bool = False,
        workers: int | None = None,
        batch_size: int | None = None,
    ) -> Evaluation:
        """Return the predictions and metrics for labelled images, as ``cvkit evaluate`` measures them.

        Args:
            data: A folder with a folder for each class, or a CSV, TSV or Parquet table of files and classes. By
                default the data set of the run; with `split`, its new place.
            split: Images of the run's own data set; by default those that measured its result.
            column: Column of the table with the paths.
            label_column: Column of the table with the class, or with labels that have ``|`` between them.
            ignore_unknown: Whether images of classes that the model does not have are left out.
            views: Whether to average the logits over the views of ``evaluation.views``.
            workers: Processes that load files, at least 0; by default as in the run.
            batch_size: Files that are predicted at once, at least 1; by default as in the run.

        Returns:
            The evaluation. `Evaluation.unread` names the files that could not be read.

        Raises:
            DataError: The images cannot be found or read, or their classes are not those of the model.
            RunError: The recipe has no views.
        """
        require_counts(workers=(workers, 0), batch_size=(batch_size, 1))
        columns = TableColumns(column, label_column)
        place = None if data is None else Path(data).expanduser()
        request = Request(place, split, columns, ignore_unknown, views, batch_size, workers)
        return prepared(self._folder, self.recipe, self._loaded, request, _warn).measure(lambda done: None)

    @property
    def _opened(self) -> OpenedClassifier:
        return opened_run(self._folder, self.recipe, replace(self._loaded, trained=self._trained))

    def calibrate(
        self,
        *,
        accuracy: float | None = None,
        coverage: float | None = None,
        error_rate: float | None = None,
        per_class: bool = False,
        foreign: str | os.PathLike[str] | None = None,
    ) -> CalibrationResult:
        """Calibrate the probabilities and let the model decline images, as ``cvkit calibrate`` does.

        The temperature and the rule are chosen on different validation images of the run, and measured on its test
        images. They are written into the run folder, and `predict` uses them from now on. Give at most one of
        `accuracy`, `coverage` and `error_rate`; without them no image is declined.

        Args:
            accuracy: The accuracy of the images that are not declined, in (0, 1).
            coverage: The share of images that are not declined, in (0, 1].
            error_rate: The share of images whose prediction set may miss their class, in (0, 1). Images are declined
                unless their set contains exactly one class.
            per_class: Whether to fit a temperature and a bias for each class (vector scaling).
            foreign: A folder of images of no class of the run; how many of them are declined is measured.

        Returns:
            The calibration with its measurements.

        Raises:
            ValueError: A value is out of its range, several of the three values are given, or `foreign` without any.
            DataError: The data of the run, or the foreign images, cannot be read.
            RunError: The run has no validation or test images, its images have sets of labels, or no rule keeps the
                promise.
        """
        promise = promise_of(accuracy, coverage, error_rate)
        if foreign is not None and promise is None:
            raise ValueError("foreign needs a rule that declines: give accuracy, coverage or error_rate")
        require_one_class(self.info.task)
        place = None if foreign is None else Path(foreign).expanduser()
        loaded = replace(self._loaded, trained=replace(self._trained, abstention=None))
        self._folder.lock()
        try:
            job = prepared_calibration(self._folder, loaded, self.recipe, self._splits(), promise, per_class, place)
            result = job.make(lambda images: None)
            save(self._folder, result, loaded)
        finally:
            self._folder.unlock()
        _warn(*result.remarks())
        self._trained = replace(self._trained, abstention=result.abstention)
        return result

    def explain(
        self,
        image: ImageLike,
        method: str | Mapping[str, Any] | None = None,
        target: str | int | None = None,
        *,
        against: str | int | None = None,
    ) -> ImageExplanation:
        """Return how much each pixel of an image supports a class.

        Some methods compare the image with training images, such as integrated gradients with ``baseline: training``.
        They need the data set of the run.

        Args:
            image: An image, as for `predict`.
            method: The name of an explainer that ``cvkit list explainers`` shows, or a mapping with options, as in
                ``{"name": "score_cam", "chunk": 8}``. By default the first explainer of the recipe, or Grad-CAM if
                the recipe has no explainer.
            target: The class to explain, by name or index. By default the most probable class.
            against: A class to explain the target against: why the model prefers the target to this class. Not every
                method can do this.

        Returns:
            The explanation, which a notebook shows.

        Raises:
            ValueError: `target` and `against` are the same class.
            DataError: There is no such class, or the file cannot be read as an image.
            RecipeError: There is no such method, or its options are wrong.
            RunError: The method cannot explain this model, cannot explain a class against another, or needs training
                images that cannot be opened.
        """
        picture = self._picture(image, 1)
        chosen_by_user = () if method is None else (json.dumps(method, default=dict),)
        names = ("method", "layer")
        recipe = with_methods(self.recipe, self._folder.document, self._catalog, chosen_by_user, names=names)
        warnings: list[str] = []
        explainers = Explainers(self._trained, recipe.explainers[:1], warnings, self._background)
        rival = None if against is None else self.class_index(against)
        ExplainTargets((), rival).apply_contrast(explainers)
        images = picture.fitted[None]
        probable = self._trained.prediction_rule.probabilities(self._trained.logits(images)).argmax()
        chosen = int(probable) if target is None else self.class_index(target)
        if chosen == rival:
            raise ValueError(f"target and against are both '{self.classes[chosen]}'; give another target")
        maps = explainers.explain(images, torch.tensor([chosen]))
        if not maps:
            raise RunError("\n".join(warnings))
        ((name, heat),) = maps.items()
        signed = name in explainers.signed
        shown = Image.fromarray(picture.overlay(heat[0], signed).permute(1, 2, 0).numpy())
        notes = tuple(line for _, line in explainers.notes())
        return ImageExplanation(
            picture.name, name, self.classes[chosen], heat[0], shown, tuple(warnings), signed, notes
        )

    def export(
        self,
        to: str | Mapping[str, Any] = EXPORTER,
        *,
        output: str | os.PathLike[str] = "exports",
        images: Iterable[str | os.PathLike[str]] = (),
        agreement: float | None = None,
    ) -> ExportedModel:
        """Write the model as files for other programs, after a comparison of the files with the run.

        The files predict the test images of the run, and the certificate beside them has the result.

        Args:
            to: The name of an exporter that ``cvkit list exporters`` shows, or a mapping with options, as in
                ``{"name": "onnx", "opset": 20}``.
            output: The folder for exports. The files go into a subfolder named after the run and the exporter, and
                replace an earlier export there.
            images: Image files or folders to compare with instead of the test images of the run.
            agreement: The share of the images that must keep their class, in [0, 1]; None for that of the exporter.

        Returns:
            The folder with the files, and the certificate.

        Raises:
            ValueError: `agreement` is not in [0, 1].
            RecipeError: There is no such exporter, or its options are wrong.
            DataError: There are no images to compare with.
            RunError: The format does not support the model, or too few images keep their class; an earlier export
                then stays as it is.
        """
        if agreement is not None and not 0 <= agreement <= 1:
            raise ValueError(f"agreement must be between 0 and 1, got {agreement!r}")
        chosen = to if isinstance(to, str) else json.dumps(dict(to), default=dict)
        names = ("to", "options")
        recipe = with_exporters(self.recipe, self._folder.document, self._catalog, [chosen], names=names)
        given = [Path(image).expanduser() for image in images]
        where = ("export(images=...)", "cvkit.load(run, data=...)")
        (job,) = exports_of(self._folder, recipe, self._loaded, self._splits, given, agreement, names=where)
        place = job.place(Path(output).expanduser() / self.folder.resolve().name)
        place.require_safe_to_replace()
        return ExportedModel(place.path, place.path / job.exporter.files[0], job.write(place))

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

    def _picture(self, image: ImageLike, number: int) -> Picture:
        return picture_of(image, f"image {number}", self._read, self.info)

    def _training_images(self) -> Split:
        return self._splits().train

    def _splits(self) -> Splits:
        return open_data_of(self._folder, self.recipe, self._data, self._digest, _warn)

    def _read(self, path: Path, needed: Needed | None = None) -> Image.Image:
        return reader_of(self.recipe, self.info.channels)(path, needed)


def _warn(*lines: str) -> None:
    for line in lines:
        log.warning("%s", line)
