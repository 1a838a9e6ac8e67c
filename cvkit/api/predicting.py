"""The predictions of a trained model for pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..engine.trained_model import TrainedModel
from ..explain.picture import Picture
from .answers import Prediction


def predictions_for(trained: TrainedModel, pictures: Sequence[Picture], top: int) -> list[Prediction]:
    """Return the prediction for each picture, with the `top` most probable classes."""
    rule, classes = trained.prediction_rule, trained.info.classes
    chances = rule.probabilities(trained.logits(torch.stack([picture.fitted for picture in pictures])))
    best = chances.topk(min(top, len(classes)), dim=1)
    found = []
    for number, (picture, declined) in enumerate(zip(pictures, rule.declined(chances).tolist(), strict=True)):
        names = tuple(classes[index] for index in best.indices[number].tolist())
        labels = tuple(classes[index] for index in rule.predicted(chances[number]))
        values, possible = tuple(best.values[number].tolist()), _prediction_set(trained, chances[number])
        found.append(Prediction(picture.name, names, values, labels, declined, possible))
    return found


def _prediction_set(trained: TrainedModel, chances: Tensor) -> tuple[str, ...] | None:
    """Return the classes in the prediction set of an image; None if the run has no prediction sets."""
    abstention = trained.abstention
    if abstention is None or abstention.rule != "conformal":
        return None
    inside = abstention.prediction_sets(chances)
    order = chances.argsort(descending=True, stable=True).tolist()
    return tuple(trained.info.classes[index] for index in order if inside[index])
