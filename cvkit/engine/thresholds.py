"""The thresholds of labels: the probability from which on a label is predicted.

A threshold is fixed by the recipe, or chosen on the validation images, and never on the test images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.splits import Splits
from ..errors import RunError
from ..formatting import counted
from ..recipe.settings import USUAL_THRESHOLD, ThresholdRule
from ..tasks import SINGLE_LABEL


def best_thresholds(probabilities: Tensor, labels: Tensor) -> tuple[float, ...]:
    """Return, for each label, the threshold with the highest F1 on these images.

    `probabilities` and `labels` are (N, K). A threshold is halfway between two neighbouring probabilities. Of several
    thresholds with the same F1, the nearest to 0.5 is chosen; it is 0.5 for a label that no image has.
    """
    return tuple(_best(chances, own) for chances, own in zip(probabilities.T.double(), labels.T.bool(), strict=True))


def _best(chances: Tensor, positive: Tensor) -> float:
    if not positive.any():
        return USUAL_THRESHOLD
    values, place = chances.unique(return_inverse=True)  # ascending
    hits = torch.zeros(len(values), dtype=torch.float64).index_add(0, place, positive.double())
    predicted = torch.zeros(len(values), dtype=torch.float64).index_add(0, place, torch.ones_like(chances))
    hits, predicted = (each.flip(0).cumsum(0).flip(0) for each in (hits, predicted))  # with at least this probability
    f1 = 2 * hits / (predicted + positive.sum())
    halfway = torch.cat([values[:1] / 2, (values[1:] + values[:-1]) / 2])
    best = (f1 == f1.max()).nonzero()[:, 0]
    return float(halfway[best[(halfway[best] - USUAL_THRESHOLD).abs().argmin()]])


def fixed_thresholds(rule: float | tuple[float, ...], classes: int) -> tuple[float, ...]:
    """Return a threshold for each label: the number of a recipe, or its list."""
    return rule if isinstance(rule, tuple) else (rule,) * classes


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
