"""Orders classes so that those that are confused are neighbours, and finds the groups with the most errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

Counts = NDArray[np.int64]

_OPTIMAL = 200  # classes; with more, the optimal order of the leaves takes minutes, so the order of the tree is used


def similar_order(counts: Counts) -> list[int]:
    """Return all classes in an order in which confused classes are near each other.

    The distance of two classes is 1 minus the mean of the shares of each that are taken for the other. The order is
    that of the leaves of average linkage. Source: Bar-Joseph et al. 2001, "Fast optimal leaf ordering for
    hierarchical clustering".
    """
    size = len(counts)
    if size < 3:
        return [*range(size)]
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    distance = 1 - (shares + shares.T) / 2
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average", optimal_ordering=size <= _OPTIMAL)
    return [int(leaf) for leaf in leaves_list(tree)]


def confused_groups(counts: Counts, size: int, most: int) -> list[list[int]]:
    """Return up to `most` groups of at most `size` classes, those with the most errors among their classes first.

    A group is a run of neighbours in `similar_order`; no class is in two groups, and each group has an error.
    """
    order = similar_order(counts)
    errors = counts[np.ix_(order, order)].astype(np.int64)
    np.fill_diagonal(errors, 0)
    sums = np.zeros((len(order) + 1,) * 2, dtype=np.int64)
    sums[1:, 1:] = errors.cumsum(axis=0).cumsum(axis=1)
    free = [(0, len(order))]
    found: list[list[int]] = []
    while free and len(found) < most:
        windows = [
            (int(sums[end, end] - sums[start, end] - sums[end, start] + sums[start, start]), -start, end, gap)
            for gap, (first, last) in enumerate(free)
            for start in range(first, max(first, last - size) + 1)
            for end in [min(last, start + size)]
        ]
        among, start, end, gap = max(windows)
        if not among:
            break
        found.append(order[-start:end])
        first, last = free.pop(gap)
        free += [part for part in ((first, -start), (end, last)) if part[1] - part[0] > 1]
    return found
