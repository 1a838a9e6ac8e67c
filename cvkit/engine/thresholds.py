"""The thresholds of labels: the lowest probability at which a label is predicted.

A threshold is fixed by the recipe, or chosen on the validation images, and never on the test images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.splits import DataInfo, Splits
from ..errors import RunError
from ..formatting import counted
from ..recipe.settings import USUAL_THRESHOLD, ThresholdRule
from ..tasks import SINGLE_LABEL


def meet_thresholds(probabilities: Tensor, thresholds: tuple[float, ...]) -> Tensor:
    """Return whether each probability (N, K) is at least the threshold of its label; 0.5 without thresholds."""
    least = thresholds or (USUAL_THRESHOLD,) * probabilities.shape[1]
    return probabilities.double() >= torch.tensor(least, dtype=torch.float64)


def best_thresholds(probabilities: Tensor, labels: Tensor) -> tuple[float, ...]:
    """Return, for each label, the threshold with the highest F1 on these images.

    `probabilities` and `labels` are (N, K). A threshold is halfway between two neighbouring probabilities. Of several
    thresholds with the same F1, the nearest to 0.5 is chosen; it is 0.5 for a label that no image has.
    """
    parts = zip(probabilities.T.split(_LABELS), labels.T.bool().split(_LABELS), strict=True)
    return tuple(threshold for part in parts for threshold in _best(*part).tolist())


_LABELS = 64  # are searched together, which limits the memory to some copies of their probabilities


def _best(chances: Tensor, positive: Tensor) -> Tensor:
    """Return the threshold of each label, float64 (L,), from probabilities and labels (L, N)."""
    values, order = chances.sort(dim=1)
    values = values.double()
    hits = positive.gather(1, order).double().flip(1).cumsum(1).flip(1)  # with at least this probability
    predicted = torch.arange(values.shape[1], 0, -1, dtype=torch.float64)
    f1 = 2 * hits / (predicted + positive.sum(dim=1, keepdim=True))
    previous = values.roll(1, dims=1)
    previous[:, 0] = 0.0
    halfway = (values + previous) / 2
    first = values != previous  # of equal probabilities; a threshold cannot divide them
    first[:, 0] = True
    f1 = f1.where(first, -1.0)
    distance = (halfway - USUAL_THRESHOLD).abs().where(f1 == f1.amax(dim=1, keepdim=True), torch.inf)
    best = halfway.gather(1, distance.argmin(dim=1, keepdim=True))[:, 0]
    return best.where(positive.any(dim=1), USUAL_THRESHOLD)


def fixed_thresholds(rule: float | tuple[float, ...], classes: int) -> tuple[float, ...]:
    """Return a threshold for each label: the number of a recipe, or its list."""
    return rule if isinstance(rule, tuple) else (rule,) * classes


def recipe_thresholds(rule: ThresholdRule, info: DataInfo) -> tuple[float, ...]:
    """Return the thresholds of a recipe; empty if they are chosen on validation images, or images have one class."""
    if rule == "validation" or info.task == SINGLE_LABEL.name:
        return ()
    return fixed_thresholds(rule, info.num_classes)


def require_thresholds(rule: ThresholdRule, splits: Splits) -> None:
    """Raise `RunError` if the setting ``evaluation.thresholds`` does not suit the data set."""
    info = splits.info
    if info.task == SINGLE_LABEL.name:
        if rule != USUAL_THRESHOLD:
            raise RunError(
                "evaluation.thresholds is for images with a set of labels, and each image of this data set has one "
                "class; remove it"
            )
    elif rule == "validation":
        if splits.validation is None:
            raise RunError(
                "evaluation.thresholds is 'validation', but the data set has no validation images. Thresholds that "
                "are chosen on test images would make their scores too optimistic. Use a data set with validation "
                "images, or write the thresholds"
            )
    elif isinstance(rule, tuple) and len(rule) != info.num_classes:
        raise RunError(
            f"evaluation.thresholds has {counted(len(rule), 'number')}, but the data set has "
            f"{counted(info.num_classes, 'label')}: {', '.join(info.classes[:10])}"
        )


def origin(rule: ThresholdRule) -> str:
    """Return where the thresholds come from, as a phrase."""
    if rule == "validation":
        return "chosen for each label by F1 on the validation images"
    return "a threshold for each label, in the recipe" if isinstance(rule, tuple) else "the same for each label"
