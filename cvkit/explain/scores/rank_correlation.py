"""The similarity of two maps of one image, measured by how they rank the pixels."""

from __future__ import annotations

import torch
from torch import Tensor


def rank_correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return Spearman's rank correlation of each pair of maps (n, H, W), float64 (n,) in [-1, 1].

    Tied pixels share their mean rank. The correlation is 1 for two constant maps, and 0 for a constant map and any
    other map. Source: Spearman 1904; for explanations, Adebayo et al. 2018, arXiv:1810.03292, section 3.
    """
    x, y = ranks(first.flatten(1)), ranks(second.flatten(1))
    x, y = x - x.mean(dim=1, keepdim=True), y - y.mean(dim=1, keepdim=True)
    spread = (x.square().sum(dim=1) * y.square().sum(dim=1)).sqrt()
    both_flat = ~(x.any(dim=1) | y.any(dim=1))
    return torch.where(spread > 0, (x * y).sum(dim=1) / spread, both_flat.double())


def ranks(values: Tensor) -> Tensor:
    """Return the mean rank of each value in its row (n, m), float64: lower values plus half of the equal values."""
    ordered = values.sort(dim=1).values
    below, not_above = (torch.searchsorted(ordered, values, right=right) for right in (False, True))
    return (below + not_above).double() / 2
