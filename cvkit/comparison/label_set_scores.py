"""Scores of sets of labels on images that count several times, as in draws with replacement."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..engine.multi_label import f1_of
from ..runs.predictions_table import PredictionsTable
from .resampling import Score


class RankedLabel:
    """The images of one label, sorted by its probability, so that each draw needs no sorting."""

    def __init__(self, chances: Tensor, positive: Tensor) -> None:
        values, self._order = chances.sort(descending=True)
        self._hits = positive[self._order].double()
        ends = torch.ones(len(values), dtype=torch.bool)  # the last of images with equal probabilities
        ends[:-1] = values[:-1] != values[1:]
        self._ends = ends.nonzero()[:, 0]

    def average_precision(self, counts: Tensor) -> Tensor:
        """Return the average precision for counts of each image, (r, N), as (r,); NaN for draws without positives.

        It equals `cvkit.engine.multi_label.average_precision` for images that are repeated as often.
        """
        drawn = counts[:, self._order]
        predicted = drawn.cumsum(dim=1)[:, self._ends]
        hits = (drawn * self._hits).cumsum(dim=1)[:, self._ends]
        increase = hits.diff(dim=1, prepend=torch.zeros(len(hits), 1, dtype=hits.dtype))
        found: Tensor = (increase * hits / predicted.clamp(min=1)).sum(dim=1) / hits[:, -1]
        return found


def mean_average_precision(tables: Sequence[PredictionsTable]) -> Score:
    """Return the mean over runs and labels of the average precision, as a score of drawn images."""
    ranked = [
        [RankedLabel(*pair) for pair in zip(_chances(table), table.flags(table.true), strict=True)]
        for table in tables
    ]

    def score(counts: Tensor) -> Tensor:
        of_runs = [
            torch.stack([label.average_precision(counts) for label in of_run]).nanmean(dim=0) for of_run in ranked
        ]
        return torch.stack(of_runs).mean(dim=0).nan_to_num(0.0)

    return score


def macro_f1(tables: Sequence[PredictionsTable]) -> Score:
    """Return the mean over runs and labels of the F1 score, as a score of drawn images."""
    outcomes = []
    for table in tables:
        given, predicted = table.flags(table.true), table.flags(table.predicted)
        outcomes.append(torch.stack([given & predicted, ~given & predicted, given & ~predicted]).double())

    def score(counts: Tensor) -> Tensor:
        of_runs = [f1_of(counts @ of_run.transpose(1, 2)).nanmean(dim=1) for of_run in outcomes]
        return torch.stack(of_runs).mean(dim=0).nan_to_num(0.0)

    return score


def by_label(table: PredictionsTable) -> Tensor:
    """Return the average precision of each label on all images, (K,); NaN for a label that no image has."""
    every = torch.ones(1, len(table), dtype=torch.float64)
    pairs = zip(_chances(table), table.flags(table.true), strict=True)
    return torch.cat([RankedLabel(*pair).average_precision(every) for pair in pairs])


def difference(first: Score, second: Score) -> Score:
    """Return the score of the second runs minus that of the first."""
    return lambda counts: second(counts) - first(counts)


def _chances(table: PredictionsTable) -> Tensor:
    assert table.probabilities is not None  # noqa: S101  # only tables of label sets are scored here
    return table.probabilities
