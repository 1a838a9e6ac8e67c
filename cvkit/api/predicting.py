"""`PredictingModel`: the part of `Model` that predicts and evaluates images."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import torch

from ..engine.classifier import require_numbers
from ..evaluation.evaluating import Evaluation
from ..evaluation.given_images import TableColumns
from ..evaluation.request import Request, SplitName, prepared
from .answers import Prediction, PredictionList
from .files import paths_of, predictions_of_files, require_counts
from .images import SINGLE, ImageLike
from .opened_model import OpenedModel, warn

_AT_ONCE = 250  # images in memory


class PredictingModel(OpenedModel):
    """Predicts images, and evaluates itself on labelled ones."""

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
        return prepared(self._folder, self.recipe, self._loaded, request, warn).measure(lambda done: None)
