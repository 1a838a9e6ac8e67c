"""Metrics of the predicted probabilities, the softmax of the logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt
from torch import Tensor

from cvkit import Calibration, Predictions

if TYPE_CHECKING:
    from cvkit import DataInfo, Metric


def auroc(info: DataInfo) -> Metric:
    """Return the mean area under the ROC curve over classes, each class against all others.

    The area of a class is the probability that an image of this class has a higher probability for it than an image
    of another class; equal probabilities count as half. Classes without images, and a class to which all images
    belong, have no area and are skipped. If none is left, the value is 0.5, which is that of random predictions.
    Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC)
    curve", Radiology 143.
    """

    def value(logits: Tensor, labels: Tensor) -> float:
        chances = logits.double().softmax(dim=1)
        counts = labels.bincount(minlength=info.num_classes).tolist()
        areas = [
            _area(chances[:, label], labels == label) for label, count in enumerate(counts) if 0 < count < len(labels)
        ]
        return sum(areas) / len(areas) if areas else 0.5

    return value


def _area(scores: Tensor, positive: Tensor) -> float:
    """Return the area under the ROC curve from ranks, where ties share their mean rank (Mann-Whitney's U)."""
    _, place, ties = scores.unique(return_inverse=True, return_counts=True)
    ranks = ties.cumsum(0).double() - (ties - 1).double() / 2
    hits = int(positive.sum())
    return (float(ranks[place][positive].sum()) - hits * (hits + 1) / 2) / (hits * (len(scores) - hits))


class ExpectedCalibrationError:
    """The expected calibration error: the mean difference between confidence and accuracy over images, in bins.

    The confidence is the probability of the predicted class. The lowest value is the best. It is the same number as
    the calibration error in the report, if `bins` has its default. Source: Guo et al. 2017, "On Calibration of Modern
    Neural Networks", arXiv:1706.04599, equation 3.

    Args:
        bins: The number of bins of equal width in [0, 1], at least 1.
    """

    higher_is_better = False

    def __init__(self, *, bins: PositiveInt = 15) -> None:
        self._bins = bins

    def __call__(self, logits: Tensor, labels: Tensor) -> float:
        """Return the error, in [0, 1]."""
        return Calibration.of(Predictions(logits, labels, loss=0.0), self._bins).error
