"""Labels that a trained model contradicts with confidence."""

from __future__ import annotations

import torch
from torch import Tensor

from ..engine.records import Predictions


def label_doubts(predictions: Predictions) -> Tensor:
    """Return the positions of images whose label is doubtful, most doubtful first, int64 (n,).

    A label is doubtful if the model predicts another class, and with at least the confidence that it has on average
    in that class on images that have its label. The order is by the probability of the predicted class minus that of
    the label. The predictions must be of images that the model was not trained on. Otherwise the model repeats wrong
    labels. Source: Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels",
    arXiv:1911.00068, equation 2; a class without images has no average and raises no doubt.
    """
    chances, labels, predicted = predictions.probabilities, predictions.labels, predictions.predicted
    of_label = chances.gather(1, labels[:, None])[:, 0]
    count = labels.bincount(minlength=chances.shape[1])
    usual = torch.zeros(chances.shape[1]).index_add(0, labels, of_label) / count  # NaN without images: never exceeded
    confidence = chances.amax(dim=1)
    doubtful = ((predicted != labels) & (confidence >= usual[predicted])).nonzero().flatten()
    return doubtful[(confidence - of_label)[doubtful].argsort(descending=True, stable=True)]
