"""Labels that a trained model contradicts with confidence: classes, and labels of sets."""

from __future__ import annotations

import torch
from torch import Tensor

from ..engine.multi_label import MultiLabelPredictions
from ..engine.predictions import Predictions


def label_doubts(predictions: Predictions) -> Tensor:
    """Return the positions of images whose label is doubtful, most doubtful first, int64 (n,).

    As many labels are doubtful as images are predicted to be of another class with at least the confidence that the
    model has on average in that class on images that have its label. Those are returned whose label has the lowest
    probability, because that finds more of the wrong labels than the same number by confidence in another class
    (docs/results.md). The predictions must be of images that the model was not trained on, because it repeats wrong
    labels that it was trained on. Source: Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in
    Dataset Labels", arXiv:1911.00068, equation 2 for the number; a class without images has no average and adds
    none. The order is cleanlab's "low_self_confidence".
    """
    chances, labels, predicted = predictions.probabilities, predictions.labels, predictions.predicted
    of_label = chances.gather(1, labels[:, None])[:, 0]
    count = labels.bincount(minlength=chances.shape[1])
    usual = torch.zeros(chances.shape[1]).index_add(0, labels, of_label) / count  # NaN without images: never exceeded
    wrong = predicted != labels
    number = int((wrong & (chances.amax(dim=1) >= usual[predicted])).sum())
    return of_label.where(wrong, torch.inf).argsort(stable=True)[:number]


def set_doubts(predictions: MultiLabelPredictions) -> tuple[Tensor, Tensor]:
    """Return the images and the labels, int64 (n,), of doubtful pairs, most doubtful first.

    Each label is a question with two answers. An answer is doubtful if the other one is more probable, and at least
    as probable as on average on the images that have it: equation 2 of the source of `label_doubts`, with two
    classes. The first pairs are those whose answer has the lowest probability. An average over no images is NaN,
    which no probability exceeds.
    """
    given, chances = predictions.labels.bool(), predictions.probabilities.double()
    has = chances.where(given, torch.nan).nanmean(dim=0)
    lacks = (1 - chances).where(~given, torch.nan).nanmean(dim=0)
    other = (1 - chances).where(given, chances)
    doubtful = (other > 0.5) & (other >= lacks.where(given, has))
    rows, labels = doubtful.nonzero(as_tuple=True)
    order = other[rows, labels].argsort(descending=True, stable=True)
    return rows[order], labels[order]
