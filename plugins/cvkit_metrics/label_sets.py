"""Metrics for images that have sets of labels; each is a function of all logits and label sets of a split.

They are computed by `cvkit.MultiLabelPredictions`, which the report uses too, so that equal names are equal numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import Tensor

from cvkit import MultiLabelPredictions

if TYPE_CHECKING:
    from cvkit import DataInfo, Metric


def mean_average_precision(info: DataInfo, *, average: Literal["macro", "micro"] = "macro") -> Metric:
    """Return the average precision: the area under the precision-recall curve, as a sum over its steps.

    Labels that no image has are skipped; the value is 0 if no image has a label. It does not depend on thresholds.

    Args:
        info: Not used.
        average: ``macro``: the mean over labels, in which every label has the same weight; ``micro``: that of all
            pairs of an image and a label together.
    """

    def value(logits: Tensor, labels: Tensor) -> float:
        found = MultiLabelPredictions(logits, labels, loss=0.0)
        return found.score if average == "macro" else found.micro_average_precision

    return value


def f1(
    info: DataInfo,
    thresholds: tuple[float, ...] = (),
    *,
    average: Literal["macro", "micro", "samples"] = "macro",
    label: str | None = None,
) -> Metric:
    """Return the F1 score, the harmonic mean of precision and recall, at the thresholds of the run.

    Args:
        info: The labels of the data set.
        thresholds: The lowest probability at which each label is predicted.
        average: ``macro``: the mean over labels; labels that no image has and that are never predicted are skipped.
            ``micro``: that of all pairs of an image and a label together. ``samples``: the mean over images; images
            without labels and predictions are skipped.
        label: The name of a label, for the F1 score of this label alone; null for `average`.

    Raises:
        ValueError: There is no such label.
    """
    if label is not None and label not in info.classes:
        raise ValueError(f"there is no label '{label}'; the labels are {', '.join(info.classes[:10])}")

    def value(logits: Tensor, labels: Tensor) -> float:
        found = MultiLabelPredictions(logits, labels, loss=0.0, chosen=thresholds)
        if label is None:
            return found.mean_f1(average)
        return float(found.f1[info.classes.index(label)].nan_to_num(0.0))

    return value


def exact_match(info: DataInfo, thresholds: tuple[float, ...] = ()) -> Metric:
    """Return the fraction of images whose predicted labels are exactly their labels, at the thresholds of the run.

    Args:
        info: Not used.
        thresholds: The lowest probability at which each label is predicted.
    """
    return lambda logits, labels: MultiLabelPredictions(logits, labels, loss=0.0, chosen=thresholds).accuracy
