"""What the report of a run costs besides its figures: forward passes and explanations of images."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

import torch

from ..data.loading import materialize
from ..data.splits import TensorSplit
from ..engine.records import EpochRecord
from ..engine.trainer import Trainer
from ..errors import CvkitError
from ..phases import phase
from ..seeding import preserved_randomness
from ..tasks import SINGLE_LABEL

_MEASURED = 2  # images that are explained to measure how long the explanations of the report will take


@dataclass(frozen=True)
class ReportCost:
    """What the evaluation and the report after the training will compute.

    Attributes:
        forward: Images that pass through the model.
        explained: Explanations by each explainer.
    """

    forward: int
    explained: int

    @classmethod
    def of(cls, trainer: Trainer, record: EpochRecord) -> ReportCost:
        """Return the cost if the final model makes as many errors as the one of `record` does."""
        from ..diagnostics.correct_gallery import SHOWN
        from ..diagnostics.diagnose import CHECKED, SCORED  # matplotlib loads here
        from ..explain.scores.weight_randomization import DRAWS

        parts, settings = trainer.parts, trainer.parts.recipe.report
        split = parts.splits.half(parts.splits.final)
        images, single = len(split), parts.info.task == SINGLE_LABEL.name
        errors = round((1 - record.score) * images) if single else images
        shown = min(settings.misclassified, errors)
        forward, explained = images, min(CHECKED, images) * (1 + DRAWS)
        if single and settings.misclassified:
            explained += 2 * shown + min(SHOWN, images - errors)
            forward += images - errors + min(settings.neighbours, len(parts.splits.train)) if shown else 0
        elif settings.misclassified:
            explained += shown
        if parts.splits.validation is not None and parts.splits.final == "test":
            forward += len(parts.splits.validation)  # whose labels the report checks
        if isinstance(split, TensorSplit) and split.masks is not None:
            explained += min(SCORED, images)
        return cls(forward, explained if parts.recipe.explainers else 0)

    def seconds_of_explanations(self, trainer: Trainer) -> float:
        """Explain two images by each explainer, and return how long all explanations will take at that speed.

        A copy of the model is explained, so that the training does not change. An explainer that fails costs nothing.
        """
        from ..explain.explainers import Explainers

        parts = trainer.parts
        split = parts.splits.half(parts.splits.final)
        if not self.explained:
            return 0.0
        with suppress(CvkitError), phase("estimating the time of the run"), preserved_randomness():
            images = materialize(split, range(min(_MEASURED, len(split)))).images
            explainers = Explainers(trainer.trained(), parts.recipe.explainers, [], parts.background())
            began = time.monotonic()
            explainers.explain(images, torch.zeros(len(images), dtype=torch.int64))
            return (time.monotonic() - began) / len(images) * self.explained
        return 0.0
