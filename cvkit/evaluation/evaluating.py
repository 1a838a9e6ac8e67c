"""Predictions for labelled images with their loss, thresholds and metrics, as the evaluation of a run has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Literal

import torch
from torch import Tensor, nn

from ..data.digests import digests_of
from ..data.loading import materialize
from ..data.resizing import framed
from ..data.splits import DataInfo, Split, Splits
from ..engine.classifier import require_numbers
from ..engine.eval_mode import eval_mode
from ..engine.intervals import Share
from ..engine.metrics import evaluate_metrics
from ..engine.prediction_rule import PredictionRule
from ..engine.predictions import Predictions, predictions_of
from ..errors import CvkitError, DataError, one_line
from ..formatting import counted, in_words
from ..prediction.loading import framed_file
from ..prediction.opened import OpenedClassifier
from ..prediction.predicting import FilePrediction, predicted_batches
from ..recipe.metric_names import metric_names
from ..recipe.settings import View
from ..tasks import SINGLE_LABEL
from .given_images import GivenImages
from .measures import Measures
from .own_images import split_batches

Advance = Callable[[int], None]
Name = Literal["train", "validation", "test", "given"]
MOST_NAMED = 5
"""How many images that cannot be read are named in an error or a warning; metrics.json names all."""


CALIBRATED = (
    "the probabilities and the classes are those after the calibration of the run, as in cvkit predict; the loss is "
    "that of the logits before it"
)


@dataclass(frozen=True)
class Kept:
    """The images that a model with a rule that declines images keeps.

    Attributes:
        coverage: The share of the images that are kept.
        accuracy: The share of the kept images whose class is right.
    """

    coverage: Share
    accuracy: Share

    @classmethod
    def of(cls, rule: PredictionRule, predictions: Predictions) -> Kept | None:
        """Return what is kept of predictions with calibrated logits; None if the rule declines no image."""
        if not rule.declines:
            return None
        kept = ~rule.declined(predictions.probabilities)
        return cls(Share.where(kept), Share.where(predictions.correct[kept]))


@dataclass(frozen=True, repr=False)
class Evaluation:
    """A trained model, measured on labelled images.

    Attributes:
        predictions: The predictions, in the order of the images, with the logits after the calibration of the run if
            there is one. The loss is that of the logits before it, and NaN if it could not be computed.
        kept: What the model does not decline; None if it declines nothing.
        metrics: The value of each metric of the recipe.
        digests: The digest of each image; None if there are none.
        unread: The images that could not be read and were left out, each with the reason.
        notes: What was left out or is missing, as sentences; first how many images could not be read, if any.
        images: Returns images by their positions, uint8 (n, C, H, W).
    """

    predictions: Predictions
    kept: Kept | None
    metrics: dict[str, float]
    digests: tuple[str, ...] | None
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    images: Callable[[Sequence[int]], Tensor]

    def __repr__(self) -> str:
        predictions = self.predictions
        metrics = "".join(f", {name} {value:.4f}" for name, value in self.metrics.items())
        unread = f", {counted(len(self.unread), 'image')} left out" if self.unread else ""
        images, score = counted(len(predictions.labels), "image"), in_words(predictions.score_name)
        return f"Evaluation({images}, {score} {predictions.score:.4f}{metrics}{unread})"


class LabelledEvaluator:
    """Evaluates a classifier on labelled images.

    Args:
        opened: The classifier.
        measures: What is measured beside its predictions.
        views: The views over which the classifier averages logits; empty for one.
    """

    def __init__(self, opened: OpenedClassifier, measures: Measures, views: tuple[View, ...] = ()) -> None:
        self.opened, self.measures, self.views = opened, measures, views
        self.classifier = opened.classifier
        self._notes: list[str] = [*measures.notes]

    @property
    def info(self) -> DataInfo:
        """Channels, size and classes of the images."""
        return self.classifier.info

    def of_split(self, splits: Splits, name: Name, advance: Advance) -> Evaluation:
        """Evaluate the split `name` of a run's data set."""
        split: Split | None = getattr(splits, name)
        if split is None:
            others = ", ".join(half for half in ("train", "validation", "test") if getattr(splits, half) is not None)
            raise DataError(f"the data set of the run has no {name} images; it has {others}")
        images = self._fitting(split, splits.info)
        places: list[int] = []
        unread: dict[int, str] = {}

        def batches() -> Iterator[tuple[Tensor, Tensor]]:
            most = self.measures.evaluation.batch_size
            for batch in split_batches(images, name, self.measures.train, most, self.opened.device):
                places.extend(batch.positions)
                unread.update(batch.unread)
                if batch.read is not None:
                    yield self.classifier.logits(batch.read.images), batch.read.labels
                advance(len(batch))

        found = self._scored(batches(), getattr(images, "names", None), name, unread.values())
        digests = digests_of(split)
        if unread:
            names = found.names or [f"{name} image {place:,}" for place in range(len(split))]
            found = replace(found, names=tuple(names[place] for place in places))
            digests = None if digests is None else tuple(digests[place] for place in places)

        def chosen(at: Sequence[int]) -> Tensor:
            return materialize(images, [places[index] for index in at]).images

        return self._evaluation(found, None if digests is None else tuple(digests), tuple(unread.values()), chosen)

    def of_files(
        self, given: GivenImages, advance: Advance, *, batch_size: int | None = None, workers: int | None = None
    ) -> Evaluation:
        """Evaluate labelled files; one that cannot be read is left out."""
        made: list[tuple[int, FilePrediction]] = []
        unread: list[str] = []

        def batches() -> Iterator[tuple[Tensor, Tensor]]:
            start = 0
            predicted = predicted_batches(self.opened, given.files, batch_size=batch_size, workers=workers)
            for batch in predicted:
                # An image that was read has logits; `_scored` refuses those that are not numbers.
                faults = [
                    each.error if each.logits is None else given.fault(start + place, each.digest)
                    for place, each in enumerate(batch)
                ]
                good = [(start + place, each) for place, each in enumerate(batch) if not faults[place]]
                unread.extend(filter(None, faults))
                made.extend((place, replace(each, logits=None, probabilities=None)) for place, each in good)
                start += len(batch)
                if good:
                    logits = torch.stack([each.logits for _, each in good if each.logits is not None])
                    yield logits, self._labels([given.labels[place] for place, _ in good])
                advance(len(batch))

        found = self._scored(batches(), None, given.half, unread)
        places = [place for place, _ in made]
        found = replace(found, names=tuple(given.names[place] for place in places))
        files = [given.files[place] for place in places]
        digests = tuple(each.digest for _, each in made)

        def images(at: Sequence[int]) -> Tensor:
            return torch.stack([framed_file(files[index], self.opened.reader, self.info) for index in at])

        why = "could not be read or were changed" if given.digests else "could not be read"
        return self._evaluation(found, digests, tuple(unread), images, given.notes, why)

    def _fitting(self, split: Split, data: DataInfo) -> Split:
        """Return the images in the input size; images that all have it stay as they are, also in memory."""
        same = (data.height, data.width) == (self.info.height, self.info.width)
        return split if data.framing is None and same else framed(split, self.info)

    def _labels(self, labels: Sequence[tuple[int, ...]]) -> Tensor:
        if self.info.task == SINGLE_LABEL.name:
            return torch.tensor([label for (label,) in labels])
        sets = torch.zeros(len(labels), self.info.num_classes)
        for row, of_image in zip(sets, labels, strict=True):
            row[list(of_image)] = 1
        return sets

    def _scored(
        self,
        batches: Iterator[tuple[Tensor, Tensor]],
        names: tuple[str, ...] | None,
        half: Name,
        unread: Collection[str] = (),
    ) -> Predictions:
        logits, labels, losses = [], [], []
        for of_batch, truth in batches:
            require_numbers(of_batch)
            logits.append(of_batch)
            labels.append(truth.cpu())
            losses.append(self._loss_of(of_batch, truth))
        if not logits:
            raise DataError("\n".join(["no image could be read", *islice(unread, MOST_NAMED)]))
        whole = torch.cat(labels)
        loss = float(torch.stack(losses).sum()) / len(whole)
        rule = self.classifier.prediction_rule
        calibrated = rule.calibrated_logits(torch.cat(logits))
        made = predictions_of(self.info.task)(calibrated, whole, loss, half, names, self.views)
        return made.with_thresholds(rule.thresholds)

    def _loss_of(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the sum of the losses of a batch; not a number if the loss could not be built."""
        if self._loss is None:
            return torch.tensor(math.nan)
        device = self.opened.device
        with torch.no_grad(), eval_mode(self._loss):
            value: Tensor = self._loss(logits.to(device), labels.to(device))
        return value * len(labels)

    @cached_property
    def _loss(self) -> nn.Module | None:
        try:
            return self.measures.loss(self.info, self.opened.device)
        except CvkitError as error:
            self._notes.append(f"the loss was not computed: {one_line(error)}")
            return None

    def _evaluation(
        self,
        found: Predictions,
        digests: tuple[str, ...] | None,
        unread: tuple[str, ...],
        images: Callable[[Sequence[int]], Tensor],
        notes: Sequence[str] = (),
        why: str = "could not be read",
    ) -> Evaluation:
        metrics: dict[str, float] = {}
        for part, name in zip(self.measures.metrics, metric_names(self.measures.metrics), strict=True):
            try:
                (metrics[name],) = evaluate_metrics([part], self.info, found).values()
            except CvkitError as error:
                self._notes.append(f"the metric {name} was not computed: {one_line(error)}")
        left_out: list[str] = []
        if unread:
            total = counted(len(unread) + len(found.labels), "image")
            left_out.append(f"left out {len(unread):,} of {total}, which {why}")
        rule = self.classifier.prediction_rule
        calibration = [CALIBRATED] if rule.calibrates else []
        said = (*left_out, *notes, *self._notes, *calibration)
        return Evaluation(found, Kept.of(rule, found), metrics, digests, unread, said, images)
