"""Gather the evidence of a run for the rules that judge it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..data.labels import labels_of
from ..engine.parts import RunParts
from ..engine.trainer import Trainer
from ..findings.evidence import Evidence
from .finished_run import FinishedRun


def evidence_of(run: FinishedRun) -> Evidence:
    """Return the evidence of a finished run."""
    trainer, parts, kept = run.trainer, run.parts, run.trainer.outcome.kept
    return Evidence(
        run.predictions,
        parts.info.classes,
        tuple(run.records),
        training_counts=training_counts(parts),
        training_images=len(parts.splits.train),
        watched_images=len(parts.splits.half(run.records[-1].half)),
        kept_epoch=0 if kept is None else kept.epoch,
        chosen_by=_chosen(trainer),
        stopped=bool(trainer.outcome.stopped) or trainer.ended_early,
        audit=run.diagnosis.audit.found,
        scored=tuple(run.diagnosis.scored),
        irreproducible=tuple(run.irreproducible),
        reproducibility_known=True,
    )


def training_counts(parts: RunParts) -> Tensor | None:
    """Return the training images of each class, int64 (K,); None if each image would have to be read for them."""
    split = parts.splits.train
    if parts.info.labels.declared(getattr(split, "labels", None), len(split)) is None:
        return None
    return parts.info.labels.counts(labels_of(split, parts.info.labels), parts.info.num_classes)


def _chosen(trainer: Trainer) -> str:
    """Return what was chosen by the images that measure the result; they are test images unless there are none."""
    parts, outcome = trainer.parts, trainer.outcome
    if parts.splits.final == "test":
        return ""  # callbacks are not allowed to choose by test images
    chosen: Mapping[str, Any] = {
        "the epoch": outcome.kept,
        "the end of training": outcome.stopped,
        "the thresholds": parts.recipe.evaluation.thresholds == "validation",
    }
    return next((what for what, is_so in chosen.items() if is_so), "")
