"""The predictions of a task whose images have sets of labels, and the scores that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor

from ..formatting import counted, score_percent
from ..recipe.settings import USUAL_THRESHOLD, ThresholdRule
from ..tasks import MULTI_LABEL, Task
from .predictions import Predictions
from .thresholds import best_thresholds, fixed_thresholds, meet_thresholds

Average = Literal["macro", "micro", "samples"]
_LABELS = 64  # are measured together, which limits the memory to some copies of their scores


@dataclass(frozen=True, repr=False)
class MultiLabelPredictions(Predictions):
    """A model's predictions for images that have sets of labels. The labels are float32 (N, K), 1 and 0.

    A label is predicted if its probability, the sigmoid of the logit, is at least its threshold.

    Attributes:
        chosen: The threshold of each label; empty for 0.5 each.
    """

    chosen: tuple[float, ...] = ()

    task: ClassVar[Task] = MULTI_LABEL

    @staticmethod
    def usual_thresholds(classes: int) -> tuple[float, ...]:
        """Return 0.5 for each label.

        Args:
            classes: The number of labels.
        """
        return (USUAL_THRESHOLD,) * classes

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The lowest probability at which each label is predicted, in the order of the classes."""
        return self.chosen or self.usual_thresholds(self.logits.shape[1])

    def with_thresholds(self, thresholds: tuple[float, ...]) -> MultiLabelPredictions:
        """Return the predictions with other thresholds.

        Args:
            thresholds: A probability for each label, or empty for 0.5 each.
        """
        return replace(self, chosen=thresholds)

    def thresholds_by(self, rule: ThresholdRule) -> tuple[float, ...]:
        """Return the thresholds that a recipe's rule gives for these predictions.

        Args:
            rule: The setting ``evaluation.thresholds``; ``validation`` chooses by these predictions.
        """
        if rule == "validation":
            return best_thresholds(self.probabilities, self.labels)
        return fixed_thresholds(rule, self.logits.shape[1])

    @cached_property
    def probabilities(self) -> Tensor:
        """The sigmoid of the logits, float32 (N, K)."""
        return self.logits.sigmoid()

    @cached_property
    def predicted(self) -> Tensor:
        """Whether each label is predicted for each image, bool (N, K)."""
        return meet_thresholds(self.probabilities, self.chosen)

    @cached_property
    def correct(self) -> Tensor:
        """Whether all labels of each image are predicted, and no others, bool (N,): an exact match."""
        return (self.predicted == self.labels.bool()).all(dim=1)

    def confidence_of_errors(self) -> Tensor:
        """Return how far the probability of the worst label of each image is on the wrong side, float32 (N,)."""
        return (self.probabilities - self.labels).abs().where(self.predicted != self.labels.bool(), 0.0).amax(dim=1)

    @property
    def accuracy(self) -> float:
        """The fraction of images with an exact match."""
        return int(self.correct.sum()) / len(self.labels)

    @cached_property
    def average_precision(self) -> Tensor:
        """The average precision of each label, float64 (K,); NaN for a label that no image has."""
        parts = zip(self.logits.T.split(_LABELS), self.labels.T.bool().split(_LABELS), strict=True)
        return torch.cat([average_precision(*part) for part in parts])

    @property
    def score(self) -> float:
        """The main score: the mean average precision over labels; 0 if no image has a label."""
        found = self.average_precision
        return float(found.nanmean().nan_to_num(0.0))

    @property
    def micro_average_precision(self) -> float:
        """The average precision of all pairs of an image and a label together; 0 if no image has a label."""
        return float(average_precision(self.logits.reshape(1, -1), self.labels.reshape(1, -1).bool()).nan_to_num(0.0))

    @property
    def score_text(self) -> str:
        """The score as text, and the number of labels that it is the mean of."""
        labels = int((~self.average_precision.isnan()).sum())
        return f"{score_percent(self.score)} (over {counted(labels, 'label')}, {counted(len(self.labels), 'image')})"

    @cached_property
    def counts(self) -> Tensor:
        """For each label: true positives, false positives and false negatives, float64 (3, K)."""
        return self._outcomes.sum(dim=1).double()

    @property
    def f1(self) -> Tensor:
        """The F1 score of each label, float64 (K,); NaN for a label that no image has and that is never predicted."""
        return f1_of(self.counts)

    def mean_f1(self, average: Average) -> float:
        """Return the F1 score over all labels or images; 0 if it is undefined.

        Args:
            average: ``macro``: the mean over labels; ``micro``: that of all pairs of an image and a label together;
                ``samples``: the mean over images. Undefined scores are skipped: those of labels or images of which
                nothing is true and nothing is predicted.
        """
        match average:
            case "macro":
                scores = self.f1.nanmean()
            case "micro":
                scores = f1_of(self.counts.sum(dim=1))
            case "samples":
                scores = f1_of(self._outcomes.sum(dim=2).double()).nanmean()
        return float(scores.nan_to_num(0.0))

    @property
    def _outcomes(self) -> Tensor:
        """True positives, false positives and false negatives, bool (3, N, K)."""
        given, predicted = self.labels.bool(), self.predicted
        return torch.stack([given & predicted, ~given & predicted, given & ~predicted])


def f1_of(counts: Tensor) -> Tensor:
    """Return 2 TP / (2 TP + FP + FN) of true positives, false positives and false negatives (3, ...)."""
    hits, extra, missed = counts
    scores: Tensor = 2 * hits / (2 * hits + extra + missed)
    return scores


def average_precision(scores: Tensor, positive: Tensor) -> Tensor:
    """Return the average precision of each row of scores (L, N) for the images that are `positive`, float64 (L,).

    It is the sum over thresholds of the precision times the increase of the recall; images with equal scores are one
    step. NaN if no image is positive. It equals scikit-learn's ``average_precision_score``.
    """
    values, order = scores.sort(dim=1, descending=True)
    hits = positive.gather(1, order).double().cumsum(1)
    predicted = torch.arange(1, values.shape[1] + 1, dtype=torch.float64)
    last = torch.ones_like(positive)  # of equal scores
    last[:, :-1] = values[:, :-1] != values[:, 1:]
    reached = hits.where(last, 0.0).cummax(dim=1).values  # hits are counted where a step ends
    increase = torch.cat([reached[:, :1], reached.diff(dim=1)], dim=1)
    score: Tensor = (hits / predicted * increase).sum(dim=1) / hits[:, -1]
    return score


def label_names(flags: Tensor, classes: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the labels that `flags`, (K,), selects."""
    return tuple(classes[index] for index in flags.nonzero().flatten().tolist())
