"""Diagnose a finished run: create every artifact of its report, in reading order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ..data.loading import materialize
from ..data.splits import TensorSplit
from ..engine.metrics import lower_is_better
from ..engine.parts import RunParts
from ..engine.predictions import Predictions
from ..engine.records import EpochRecord
from ..engine.trainer import Trainer
from ..explain.explainers import Explainers
from ..explain.result_page import noted
from ..explain.scores import Scored, explained, on_objects, tables, weights_check
from ..figures.artifacts import Artifact
from ..figures.page import Section
from ..phases import phase
from ..seeding import permutation
from ..tasks import SINGLE_LABEL
from .augmented_views import augmented_sheet
from .data_audit import DataAudit, data_audit
from .data_summary import data_summary
from .rates import schedule
from .run_marks import run_marks
from .task_report import task_report
from .training_curves import curves, loss_terms, metrics

CHECKED = 32
"""The test images whose maps are compared with those of a model with randomized weights."""

SCORED = 2_000
"""The largest number of test images whose maps are compared with their masks; this limits the memory."""


@dataclass
class Diagnosis:
    """The artifacts of a run by theme, the sections of plugins, and a warning for each part that has no diagnosis.

    `scored` are the scores that the tables of the explanations contain.
    """

    training: list[Artifact] = field(default_factory=list)
    classes: list[Artifact] = field(default_factory=list)
    confidence: list[Artifact] = field(default_factory=list)
    errors: list[Artifact] = field(default_factory=list)
    explanations: list[Artifact] = field(default_factory=list)
    data: list[Artifact] = field(default_factory=list)
    audit: DataAudit = field(default_factory=DataAudit)
    scored: list[Scored] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def artifacts(self) -> list[Artifact]:
        """Return all artifacts in the order of the report."""
        shown = [*self.training, *self.classes, *self.confidence, *self.errors, *self.explanations, *self.data]
        of_plugins = [artifact for section in self.sections for artifact in section.artifacts]
        return [*shown, *self.audit.artifacts, *of_plugins]


def diagnose(
    trainer: Trainer,
    records: Sequence[EpochRecord],
    predictions: Predictions,
    info: Mapping[str, Any] | None = None,
) -> Diagnosis:
    """Return the diagnosis of a trained run, given its epoch `records` and its final test `predictions`.

    `info` is what run.json contains; the figures mark the sessions and the extensions that it lists. If an
    explainer fails, only its own maps are missing, and a warning reports it.
    """
    parts, trained = trainer.parts, trainer.trained()
    classes, report = parts.info.classes, task_report(parts.info.task)
    found = Diagnosis()
    measured = metrics(records, lower_is_better(parts.recipe.metrics, parts.info))
    factors = {group.rates_name: group.factor for group in parts.finetuning.groups(parts.model, parts.loss)}
    terms = loss_terms(records)
    kept = trainer.outcome.kept
    marks = run_marks(records, None if kept is None else kept.epoch, info)
    chance = 1 / len(classes) if parts.info.task == SINGLE_LABEL.name else None
    found.training = [curves(records, marks, chance), schedule(records, factors, marks)]
    found.training += [figure for figure in (terms, measured) if figure]
    found.classes = report.classes(predictions, classes, parts)
    found.confidence = report.confidence(predictions, classes)
    explainers = Explainers(trained, parts.recipe.explainers, found.warnings, parts.background())
    if parts.recipe.report.misclassified:
        with phase("explaining errors"):
            found.errors = report.errors(trainer, predictions, explainers, found.warnings)
    images = parts.splits.half(parts.splits.final)
    if isinstance(images, TensorSplit) and images.masks is not None and explainers.working:
        with phase("scoring: objects"):
            found.scored += _on_objects(images, explainers, parts.recipe.seed)
    if explainers.working:
        with phase("scoring: other weights"):
            found.scored += _weights_check(parts, report.explained(predictions), explainers, found.warnings)
    found.explanations += tables(found.scored, explainers.signed)
    found.explanations += noted(explainers.notes())
    found.data = [*data_summary(parts.splits)]
    if parts.recipe.report.augmented and parts.recipe.augmentations:
        found.data.append(augmented_sheet(parts))
    with phase("checking the data"):
        found.audit = data_audit(trainer, predictions)
    return found


def _weights_check(
    parts: RunParts, targets: torch.Tensor, explainers: Explainers, warnings: list[str]
) -> list[Scored]:
    split = parts.splits.half(parts.splits.final)
    chosen = permutation(len(split), "weights check", parts.recipe.seed)[:CHECKED]
    images = materialize(split, chosen.tolist()).images
    found, lines = weights_check(explainers, images, targets[chosen])
    warnings += lines
    return found


def _on_objects(test: TensorSplit, explainers: Explainers, seed: int) -> list[Scored]:
    chosen = permutation(len(test), "images scored", seed)[:SCORED].sort().values
    images, labels, masks = materialize(test, chosen.tolist()).objects()
    if masks is None or not len(images):
        return []
    return on_objects(explained(explainers, images, labels), masks)
