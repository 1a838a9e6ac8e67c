"""Evaluation: what a model says of a split."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..data.loading import DataLoaderSource, DeviceBudget, open_source
from ..data.splits import Split
from ..resource_errors import Shortage, told_as_machine
from .forward import ForwardPass
from .loop import evaluate
from .parts import RunParts
from .records import Predictions

_LESS = "continue with a smaller one: --set evaluation.batch_size=N"


@dataclass(frozen=True)
class Evaluator:
    """Evaluates the model of `parts` as it is now; `forward`, if given, is its forward pass, compiled or not."""

    parts: RunParts
    forward: ForwardPass | None = None

    @property
    def batch_size(self) -> int:
        """How many test images are evaluated at once: streamed ones never more than train together.

        Workers hand streamed batches over in shared memory, and a machine is known to hold those of the training.
        """
        settings = self.parts.recipe
        size = settings.evaluation.batch_size
        streamed = isinstance(self.parts.test_source, DataLoaderSource)
        return min(size, settings.train.batch_size) if streamed else size

    def predict(self, split: Split | None = None, *, flip: bool = False, averaged: bool = True) -> Predictions:
        """Return what the model says of each image of `split`, the test split where none is given.

        `flip` averages the logits of each image and its mirror image. `averaged`: use the averaged weights where the
        recipe asks for them. Raises `MachineError` where memory runs out.
        """
        parts, settings = self.parts, self.parts.recipe.train
        forward = self.forward or parts.forward(parts.model, parts.loss, parts.preprocessor)
        if averaged and parts.ema is not None:
            forward = replace(forward, model=parts.ema.module, call=parts.ema.module)
        source = parts.test_source
        if split is not None:
            source = open_source(split, parts.device, settings.resident, settings.workers, DeviceBudget(parts.device))
        with told_as_machine(f"evaluating batches of {self.batch_size} images", {Shortage.MEMORY: _LESS}):
            return evaluate(forward, source, self.batch_size, flip)
