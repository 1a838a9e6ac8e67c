"""Evaluate a model on a split."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..data.loading import BatchSource, DataLoaderSource, DeviceBudget, open_source
from ..data.splits import Split
from ..resource_errors import Shortage, reporting_shortages
from .forward import ForwardPass
from .loop import evaluate
from .parts import RunParts
from .records import Predictions

_LESS = "continue with a smaller evaluation.batch_size"


@dataclass(frozen=True)
class Evaluator:
    """Evaluates the model of `parts` with its current weights.

    Attributes:
        parts: The parts of a run.
        forward: The forward pass, compiled or not; None to create one from the parts.
    """

    parts: RunParts
    forward: ForwardPass | None = None

    @property
    def batch_size(self) -> int:
        """The number of test images that are evaluated at once."""
        return self._batch_size(self.parts.test_source)

    def _batch_size(self, source: BatchSource) -> int:
        """Return the batch size for `source`; for images that workers load, at most that of training.

        Workers pass batches through shared memory, and the machine is known to hold the training batches.
        """
        recipe = self.parts.recipe
        size = recipe.evaluation.batch_size
        return min(size, recipe.train.batch_size) if isinstance(source, DataLoaderSource) else size

    def predict(self, split: Split | None = None, *, flip: bool = False, averaged: bool = True) -> Predictions:
        """Return the predictions for every image of a split.

        Args:
            split: The images; None for the test split.
            flip: Whether to average the logits of each image and its mirror image.
            averaged: Whether to use the averaged weights, if the recipe averages them.

        Returns:
            The predictions in the order of the split.

        Raises:
            MachineError: The memory is not large enough.
        """
        parts, settings = self.parts, self.parts.recipe.train
        forward = self.forward or parts.forward(parts.model, parts.loss, parts.preprocessor)
        if averaged and parts.ema is not None:
            forward = replace(forward, model=parts.ema.module, call=parts.ema.module)
        source = parts.test_source
        if split is not None:
            source = open_source(split, parts.device, settings.resident, settings.workers, DeviceBudget(parts.device))
        size = self._batch_size(source)
        with reporting_shortages(f"evaluating batches of {size} images", {Shortage.MEMORY: _LESS}):
            return evaluate(forward, source, size, flip)
