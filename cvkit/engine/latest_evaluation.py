"""The predictions of the last evaluation, with the thresholds of labels, and the weights that they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..data.splits import Half
from .evaluator import Evaluator
from .parts import RunParts
from .predictions import Predictions
from .thresholds import recipe_thresholds


class LatestEvaluation:
    """The predictions and thresholds of the weights after a step of the run.

    `thresholds` are those of the last evaluation, or of the recipe before the first one; they are empty if images
    have one class, or if they are chosen on validation images and none were evaluated yet.
    """

    def __init__(self, parts: RunParts, evaluator: Evaluator) -> None:
        self._evaluator, self._halves, self._rule = evaluator, parts.evaluated, parts.recipe.evaluation.thresholds
        self._of_recipe = recipe_thresholds(self._rule, parts.info)
        self.restore((), 0)

    def restore(self, thresholds: Sequence[float], step: int) -> None:
        """Continue after an evaluation at `step` whose predictions are gone; () for the thresholds of the recipe."""
        self.thresholds = tuple(thresholds) or self._of_recipe
        self._predictions: dict[Half, Predictions] = {}
        self._step = step

    def begin(self) -> None:
        """Let idle processes load the first images of the next `make`."""
        self._evaluator.begin(self._halves[0])

    def make(self, step: int) -> Mapping[Half, Predictions]:
        """Evaluate the weights after `step`, and choose the thresholds."""
        found = {half: self._evaluator.predict(half) for half in self._halves}
        self.thresholds = found[self._halves[0]].thresholds_by(self._rule)
        self._predictions = {half: each.with_thresholds(self.thresholds) for half, each in found.items()}
        self._step = step
        return self._predictions

    def require(self, step: int) -> None:
        """Discard what belongs to other weights than those after `step`, and choose the thresholds again.

        It does if a run ends within an epoch, whose evaluation is then left out.
        """
        if self._step == step:
            return
        if self._rule == "validation":
            self.make(step)
        else:
            self._predictions, self._step = {}, step

    def predictions(self, half: Half, step: int) -> Predictions:
        """Return the predictions for a split by the weights after `step`, which are evaluated now if necessary."""
        self.require(step)
        if half not in self._predictions:
            self._predictions[half] = self._evaluator.predict(half).with_thresholds(self.thresholds)
        return self._predictions[half]
