"""Evaluate a model on a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from ..data.loading import BatchSource, DataLoaderSource, DeviceBudget, open_source
from ..data.resizing import framed
from ..data.splits import Half, Split
from ..formatting import counted
from ..recipe.settings import View
from ..resource_errors import Shortage, reporting_shortages
from .forward import ForwardPass
from .loop import begin_evaluating, evaluate
from .parts import RunParts
from .predictions import Predictions
from .views import FLIP

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
        """The number of images that are evaluated at once."""
        return self._batch_size(self.parts.sources[self.parts.splits.final])

    def _batch_size(self, source: BatchSource) -> int:
        """Return the batch size for `source`; for images that workers load, at most that of training.

        Workers pass batches through shared memory, and the machine is known to hold the training batches.
        """
        recipe = self.parts.recipe
        size = recipe.evaluation.batch_size
        return min(size, recipe.train.batch_size) if isinstance(source, DataLoaderSource) else size

    def begin(self, half: Half) -> None:
        """Let idle processes load the first images of a split, which `predict` is called for next."""
        source = self.parts.sources[half]
        begin_evaluating(source, self._batch_size(source), self.parts.world)

    def predict(
        self,
        split: Half | Split | None = None,
        *,
        flip: bool = False,
        views: Sequence[View] = (),
        averaged: bool = True,
        model: nn.Module | None = None,
    ) -> Predictions:
        """Return the predictions for every image of a split.

        Args:
            split: The images, or ``validation`` or ``test``; None for those that measure the result of the run.
            flip: Whether to average the logits of each image and its mirror image, if no views are given.
            views: Views of each image whose logits are averaged, as in `evaluation.views`.
            averaged: Whether to use the averaged weights, if the recipe averages them.
            model: Another model with the same architecture; None for the model of the run.

        Returns:
            The predictions in the order of the split.

        Raises:
            MachineError: The memory is not large enough.
        """
        parts, settings = self.parts, self.parts.recipe.train
        forward = self.forward or parts.forward(parts.model, parts.loss, parts.preprocessor)
        if model is None and averaged and parts.ema is not None:
            model = parts.ema.module
        if model is not None:
            forward = replace(forward, model=model, call=model)
        split = split or parts.splits.final
        half = split if isinstance(split, str) else self._half_of(split)
        if isinstance(split, str):
            images, source = parts.splits.half(split), parts.sources[split]
        else:
            images = framed(split, parts.info)
            placing = (parts.device, settings.resident, settings.workers, DeviceBudget(parts.device))
            source = open_source(images, *placing)
        size = self._batch_size(source)
        with reporting_shortages(f"evaluating batches of {counted(size, 'image')}", {Shortage.MEMORY: _LESS}):
            seen = tuple(views) or (FLIP if flip else ())
            found = evaluate(forward, source, size, seen or ("identity",), parts.world)
        return replace(found, half=half, names=getattr(images, "names", None), views=seen)

    def _half_of(self, split: Split) -> Half | Literal["train"] | None:
        """Return which split of the run this is; None if it is another one."""
        splits = self.parts.splits
        names: tuple[Half | Literal["train"], ...] = ("train", "validation", "test")
        return next((name for name in names if split is getattr(splits, name)), None)
