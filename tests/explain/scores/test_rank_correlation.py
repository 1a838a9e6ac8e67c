"""The likeness of two maps is Spearman's rank correlation."""

from __future__ import annotations

import pytest
import torch

from cvkit.explain.scores.rank_correlation import rank_correlation, ranks


def _correlation(first, second):
    shape = (1, 1, -1)
    return float(rank_correlation(torch.tensor(first).view(shape), torch.tensor(second).view(shape)))


@pytest.mark.parametrize(
    ("second", "expected"),
    [([1.0, 8, 27, 64], 1), ([4.0, 3, 2, 1], -1), ([2.0, 1, 4, 3], 0.6), ([1.0, 1, 2, 2], 0.894427)],
)
def test_rank_correlation_has_known_values(second, expected):
    """Monotone maps are alike; 1 - 6 d^2 / (n (n^2 - 1)) without ties, Pearson's of mean ranks with them."""
    assert _correlation([1.0, 2, 3, 4], second) == pytest.approx(expected, abs=1e-6)


def test_rank_correlation_of_constant_maps():
    """Two of them are alike, and one has nothing in common with another map."""
    assert _correlation([5.0, 5, 5], [0.0, 0, 0]) == 1
    assert _correlation([5.0, 5, 5], [0.0, 1, 2]) == 0


def test_ranks_share_ties():
    """Values that tie have their mean rank."""
    values = torch.tensor([[3.0, 1, 3, 2]])
    assert (ranks(values) - ranks(values).min()).tolist() == [[2.5, 0, 2.5, 1.0]]
