"""`FinishedRun`: what a report is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..diagnostics.diagnose import Diagnosis
from ..engine.parts import RunParts
from ..engine.predictions import Predictions
from ..engine.records import EpochRecord
from ..engine.trainer import Trainer


@dataclass(frozen=True)
class FinishedRun:
    """A run that was trained and evaluated, which a report describes and the rules of findings judge.

    Attributes:
        trainer: The trainer after the last step.
        records: The record of each epoch, at least one.
        predictions: The final predictions.
        diagnosis: Figures, tables and measurements of the predictions.
        info: The content of run.json; empty if the run has no folder.
        recipe_text: The resolved recipe as YAML.
        irreproducible: What may keep others from getting the same result.
    """

    trainer: Trainer
    records: Sequence[EpochRecord]
    predictions: Predictions
    diagnosis: Diagnosis
    info: dict[str, Any]
    recipe_text: str = ""
    irreproducible: Sequence[str] = ()

    @property
    def parts(self) -> RunParts:
        """The components and the data of the run."""
        return self.trainer.parts
