"""The report of a run whose images have sets of labels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..data.loading import materialize
from ..engine.multi_label import MultiLabelPredictions
from ..engine.records import Predictions
from ..engine.thresholds import described
from ..engine.trainer import Trainer
from ..explain.explainers import Explainers
from ..figures.artifacts import Artifact
from ..figures.page import Fact
from ..formatting import counted, percent
from .label_errors import Kind, label_errors, worst
from .per_label import label_calibration, label_scores, precision_recall


class MultiLabelReport:
    """Scores of each label at its threshold, precision-recall curves, calibration, and errors of each label."""

    title = "Labels"

    def measured_on(self, predictions: Predictions) -> str:
        """Return the number of labels and images."""
        labels = int((~_sets(predictions).average_precision.isnan()).sum())
        images = counted(len(predictions.labels), f"{predictions.half} image")
        return f"mean over {counted(labels, 'label')} on {images}, no threshold"

    def facts(self, trainer: Trainer, predictions: Predictions) -> list[Fact]:
        """Return the F1 scores and exact matches, which depend on thresholds."""
        found, setting = _sets(predictions), trainer.parts.recipe.evaluation.thresholds
        rule = described(setting)
        if setting == found.half == "validation":
            rule += ", which are these images, so it is too optimistic"
        exact = int(found.correct.sum())
        images = counted(len(found.labels), f"{found.half} image")
        return [
            Fact("Macro F1", percent(found.mean_f1("macro"), 2), f"mean over labels; {rule}"),
            Fact("Micro F1", percent(found.mean_f1("micro"), 2), f"all labels of all images together; {rule}"),
            Fact("Exact match", percent(found.accuracy, 2), f"{exact:,} of {images} with all labels right; {rule}"),
        ]

    def classes(self, predictions: Predictions, classes: tuple[str, ...]) -> list[Artifact]:
        """Return the scores of each label and the precision-recall curves."""
        found = _sets(predictions)
        return [label_scores(found, classes), precision_recall(found, classes)]

    def confidence(self, predictions: Predictions, classes: tuple[str, ...]) -> list[Artifact]:
        """Return the calibration of each label."""
        return [label_calibration(_sets(predictions), classes)]

    def errors(
        self, trainer: Trainer, predictions: Predictions, explainers: Explainers, warnings: list[str]
    ) -> list[Artifact]:
        """Return a gallery of false positives and one of false negatives, each with maps of its label."""
        found, parts = _sets(predictions), trainer.parts
        split = parts.splits.half(parts.splits.final)
        kinds: tuple[Kind, ...] = ("false positives", "false negatives")
        galleries: list[Artifact] = []
        for kind in kinds:
            rows, labels = worst(found, kind, max(1, parts.recipe.report.misclassified // len(kinds)))
            images = materialize(split, rows.tolist() or [0]).images[: len(rows)]
            maps = explainers.explain(images, labels) if len(rows) else {}
            for name, heats in maps.items():
                strength = heats.abs() if name in explainers.signed else heats
                if empty := int((strength.amax(dim=(1, 2)) == 0).sum()):
                    warnings.append(
                        f"{name} found no evidence for the label in {empty} of the {len(rows)} {kind} shown: these "
                        "maps are black"
                    )
            layers, signed = explainers.layers(), explainers.signed
            galleries.append(
                label_errors(images, rows, labels, found, parts.info.classes, maps, kind, layers, signed)
            )
        return galleries

    def doubts(self, trainer: Trainer, predictions: Predictions) -> Sequence[Artifact]:
        """Return nothing: the method for doubtful labels requires one class for each image."""
        return ()

    def explained(self, predictions: Predictions) -> Tensor:
        """Return the most probable label of each image."""
        return predictions.logits.argmax(dim=1)


def _sets(predictions: Predictions) -> MultiLabelPredictions:
    if not isinstance(predictions, MultiLabelPredictions):
        raise TypeError(f"expected MultiLabelPredictions, got {type(predictions).__name__}")
    return predictions
