"""The report of a run whose images have sets of labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from ..data.loading import materialize
from ..engine.multi_label import MultiLabelPredictions
from ..engine.parts import RunParts
from ..engine.predictions import Predictions
from ..engine.thresholds import origin
from ..engine.trainer import Trainer
from ..explain.explainers import Explainers
from ..figures.artifacts import Artifact
from ..figures.page import Fact
from ..formatting import counted, score_percent
from ..recipe.settings import EvaluationSettings, ReportSettings
from .black_maps import black_maps
from .correct_gallery import correct_gallery, plain_correct_gallery
from .features import features_of
from .label_doubts import doubts
from .label_errors import Kind, label_errors, worst
from .neighbours import AT_ONCE
from .per_label import label_calibration, label_scores, precision_recall
from .set_doubts import doubtful_sets
from .task_report import ImagesAt
from .training_neighbours import TrainingNeighbours, training_neighbours

_KINDS: tuple[Kind, ...] = ("false positives", "false negatives")


class MultiLabelReport:
    """Scores of each label at its threshold, precision-recall curves, calibration, and errors of each label."""

    title = "Labels"

    def measured_on(self, predictions: Predictions) -> str:
        """Return the number of labels and images."""
        labels = int((~_sets(predictions).average_precision.isnan()).sum())
        images = counted(len(predictions.labels), f"{predictions.half} image")
        return f"mean over {counted(labels, 'label')} on {images}, no threshold"

    def facts(
        self, settings: EvaluationSettings, predictions: Predictions, measured: Collection[float]
    ) -> list[Fact]:
        """Return the F1 scores and exact matches that the metrics do not show, and where thresholds come from."""
        found = _sets(predictions)
        exact, images = int(found.correct.sum()), counted(len(found.labels), f"{found.half} image")
        own = (
            ("Macro F1", found.mean_f1("macro"), "mean over labels"),
            ("Micro F1", found.mean_f1("micro"), "all labels of all images together"),
            ("Exact match", found.accuracy, f"{exact:,} of {images} with all labels right"),
        )
        low, high = min(found.thresholds), max(found.thresholds)
        setting = settings.thresholds
        seen = "; these are the images, so F1 and exact match are too optimistic"
        return [
            *(Fact(name, score_percent(value), note) for name, value, note in own if value not in measured),
            Fact(
                "Thresholds",
                f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}",
                origin(setting) + (seen if setting == found.half == "validation" else ""),
            ),
        ]

    def classes(
        self, predictions: Predictions, classes: tuple[str, ...], parts: RunParts | None = None
    ) -> list[Artifact]:
        """Return the scores of each label and the precision-recall curves."""
        found = _sets(predictions)
        return [label_scores(found, classes), precision_recall(found, classes)]

    def confidence(self, predictions: Predictions, classes: tuple[str, ...]) -> list[Artifact]:
        """Return the calibration of each label."""
        return [label_calibration(_sets(predictions), classes)]

    def errors(
        self, trainer: Trainer, predictions: Predictions, explainers: Explainers, warnings: list[str]
    ) -> list[Artifact]:
        """Return galleries of false positives, false negatives and right images, each with maps of a label."""
        found, parts = _sets(predictions), trainer.parts
        split = parts.splits.half(parts.splits.final)
        chosen = [worst(found, kind, max(1, parts.recipe.report.misclassified // len(_KINDS))) for kind in _KINDS]
        pictures = [materialize(split, rows.tolist() or [0]).images[: len(rows)] for rows, _ in chosen]
        training = _neighbours(trainer, torch.cat(pictures))
        galleries: list[Artifact] = []
        for place, (kind, (rows, labels), images) in enumerate(zip(_KINDS, chosen, pictures, strict=True)):
            maps = explainers.explain(images, labels) if len(rows) else {}
            warnings += black_maps(maps, explainers.signed, "label", f"{len(rows)} {kind}")
            layers, signed = explainers.layers(), explainers.signed
            start = sum(map(len, pictures[:place]))
            near = None if training is None else training.of_rows(start, len(rows))
            galleries.append(
                label_errors(images, rows, labels, found, parts.info.classes, maps, kind, layers, signed, near)
            )
        return [*galleries, *correct_gallery(trainer, found, explainers, self.explained(found))]

    def plain_errors(
        self, settings: ReportSettings, predictions: Predictions, classes: tuple[str, ...], images: ImagesAt
    ) -> list[Artifact]:
        """Return a gallery of false positives and one of false negatives."""
        found = _sets(predictions)
        galleries: list[Artifact] = []
        for kind in _KINDS:
            rows, labels = worst(found, kind, max(1, settings.misclassified // len(_KINDS)))
            shown = images(rows.tolist() or [0])[: len(rows)]
            galleries.append(label_errors(shown, rows, labels, found, classes, {}, kind, {}))
        return [*galleries, *plain_correct_gallery(found, classes, images)]

    def doubts(self, trainer: Trainer, predictions: Predictions) -> Sequence[Artifact]:
        """Return the labels of images that the model contradicts with confidence, given or missing."""
        return [*doubts(trainer, predictions, lambda split, of, classes: doubtful_sets(split, _sets(of), classes))]

    def explained(self, predictions: Predictions) -> Tensor:
        """Return the most probable label of each image."""
        return predictions.logits.argmax(dim=1)


def _neighbours(trainer: Trainer, images: Tensor) -> TrainingNeighbours | None:
    features = features_of(trainer) if len(images) else None
    if features is None:
        return None
    return training_neighbours(trainer.parts, features, images, min(AT_ONCE, trainer.evaluator.batch_size))


def _sets(predictions: Predictions) -> MultiLabelPredictions:
    if not isinstance(predictions, MultiLabelPredictions):
        raise TypeError(f"expected MultiLabelPredictions, got {type(predictions).__name__}")
    return predictions
