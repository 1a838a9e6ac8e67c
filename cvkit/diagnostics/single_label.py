"""The report of a run whose images have one class each."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from ..data.loading import materialize
from ..engine.calibration import BINS, Calibration
from ..engine.calibration_error import error_by_chance
from ..engine.parts import RunParts
from ..engine.per_sample import select_errors
from ..engine.predictions import Predictions
from ..engine.trainer import Trainer
from ..explain.explainers import Explainers
from ..figures.artifacts import Artifact, Gallery
from ..figures.page import Fact
from ..formatting import counted, percent
from ..phases import phase
from ..recipe.settings import EvaluationSettings, ReportSettings
from .black_maps import black_maps
from .calibration import reliability
from .class_confusion import confused_pairs, confusion
from .correct_gallery import correct_gallery, plain_correct_gallery
from .coverage import coverage_curve, coverage_table
from .error_gallery import misclassified
from .features import Features, features_of
from .label_doubts import doubtful_labels, doubts
from .neighbours import AT_ONCE, Neighbours, nearest
from .per_class import ClassFacts, per_class_scores
from .task_report import ImagesAt
from .training_neighbours import training_neighbours


class SingleLabelReport:
    """The confusion of classes, the calibration of the predicted class, and misclassified images."""

    title = "Classes"

    def measured_on(self, predictions: Predictions) -> str:
        """Return the number of correctly classified images."""
        correct, total = int(predictions.correct.sum()), len(predictions.labels)
        return f"{correct:,} of {counted(total, f'{predictions.half} image')}"

    def facts(
        self, settings: EvaluationSettings, predictions: Predictions, measured: Collection[float]
    ) -> list[Fact]:
        """Return the calibration error."""
        of = Calibration.of(predictions)
        excess, low, high = (f"{100 * share:+.1f}" for share in (of.excess, *of.excess_interval))
        chance = percent(error_by_chance(predictions), 1)
        over = f"mean confidence minus accuracy: {excess} % (95 % interval {low} to {high} %)"
        return [Fact("Calibration error", percent(of.error, 1), f"ECE, {BINS} bins; {chance} by chance; {over}")]

    def classes(
        self, predictions: Predictions, classes: tuple[str, ...], parts: RunParts | None = None
    ) -> list[Artifact]:
        """Return the confusion matrix, the most confused classes, and the scores of each class."""
        facts = None if parts is None else ClassFacts.of(parts, predictions)
        return [
            confusion(predictions, classes),
            per_class_scores(predictions, classes, facts),
            confused_pairs(predictions, classes),
        ]

    def confidence(self, predictions: Predictions, classes: tuple[str, ...]) -> list[Artifact]:
        """Return the reliability diagram, and the accuracy of the most confident predictions."""
        diagram = reliability(Calibration.of(predictions), error_by_chance(predictions))
        return [diagram, coverage_curve(predictions), coverage_table(predictions)]

    def errors(
        self, trainer: Trainer, predictions: Predictions, explainers: Explainers, warnings: list[str]
    ) -> list[Artifact]:
        """Return the gallery of misclassified images, and one of some that are classified correctly."""
        errors = _errors(trainer, predictions, explainers, warnings)
        return [errors, *correct_gallery(trainer, predictions, explainers, predictions.labels)]

    def plain_errors(
        self, settings: ReportSettings, predictions: Predictions, classes: tuple[str, ...], images: ImagesAt
    ) -> list[Artifact]:
        """Return the gallery of misclassified images, and one of some that are classified correctly."""
        indices = select_errors(predictions, settings.misclassified, settings.rank)
        shown = images(indices.tolist()) if len(indices) else torch.zeros(0, 1, 1, 1, dtype=torch.uint8)
        errors = misclassified(shown, indices, predictions, classes, {}, settings.rank, searched=False)
        return [errors, *plain_correct_gallery(predictions, classes, images)]

    def doubts(self, trainer: Trainer, predictions: Predictions) -> Sequence[Artifact]:
        """Return the images whose class the model contradicts with confidence."""
        return [*doubts(trainer, predictions, doubtful_labels)]

    def explained(self, predictions: Predictions) -> Tensor:
        """Return the predicted classes."""
        return predictions.predicted


def _errors(trainer: Trainer, predictions: Predictions, explainers: Explainers, warnings: list[str]) -> Gallery:
    parts = trainer.parts
    settings, classes = parts.recipe.report, parts.info.classes
    indices = select_errors(predictions, settings.misclassified, settings.rank)
    if not len(indices):
        return misclassified(torch.zeros(0, 1, 1, 1, dtype=torch.uint8), indices, predictions, classes, {})
    images = materialize(parts.splits.half(parts.splits.final), indices.tolist()).images
    for_predicted = explainers.explain(images, predictions.predicted[indices])
    for_true = explainers.explain(images, predictions.labels[indices])
    for what, maps in (("predicted", for_predicted), ("true", for_true)):
        warnings += black_maps(maps, explainers.signed, f"{what} class", counted(len(indices), "error"))
    both = {name: (for_predicted[name], for_true[name]) for name in for_predicted if name in for_true}
    at_once = min(AT_ONCE, trainer.evaluator.batch_size)
    features = features_of(trainer)
    similar = None if features is None else _similar(parts, predictions, features, images, at_once)
    training = None if features is None else training_neighbours(parts, features, images, at_once)
    return misclassified(
        images,
        indices,
        predictions,
        classes,
        both,
        settings.rank,
        similar,
        explainers.layers(),
        explainers.signed,
        training=training,
    )


def _similar(
    parts: RunParts, predictions: Predictions, features: Features, images: Tensor, at_once: int
) -> tuple[Neighbours, Tensor] | None:
    """Return the most similar correctly classified test images and their pixels; None if none are correct."""
    correct = predictions.correct.nonzero().flatten()
    if not len(correct):
        return None
    split = parts.splits.half(parts.splits.final)
    with phase("comparing errors with other images", len(correct)) as comparing:
        source = parts.sources[parts.splits.final]
        found = nearest(features, images, source, correct, at_once=at_once, advance=comparing.advance)
    similar = materialize(split, found.indices.flatten().tolist()).images
    return found, similar.unflatten(0, found.indices.shape)
