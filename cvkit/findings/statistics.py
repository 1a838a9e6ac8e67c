"""The statistics of the rules: differences of shares, and agreement by chance. Each has a source."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..engine.intervals import Share
from ..explain.scores.rank_correlation import ranks


def difference(first: Share, second: Share) -> tuple[float, float]:
    """Return the 95 % interval of ``first - second`` for shares of independent images.

    The squared distances to the ends of both intervals are added. Source: Newcombe 1998, "Interval estimation for the
    difference between independent proportions", method 10, here with the exact intervals of `Share`, which are wider
    than the ones of Wilson.
    """
    gap = first.value - second.value
    low = math.hypot(first.value - first.low, second.high - second.value)
    high = math.hypot(first.high - first.value, second.value - second.low)
    return gap - low, gap + high


def standard_error(share: float, images: int) -> float:
    """Return the standard error of a share of `images` images; at least that of one image more or less."""
    return max(math.sqrt(max(share * (1 - share), 0.0) / images), 1 / images)


def chance_agreement(labels: Tensor, predicted: Tensor) -> tuple[float, float]:
    """Return how many images are correct by chance, and the z value of how many more are: 0 if nothing can be known.

    The labels are permuted, and the number of predictions of each class stays as it is. The number of images of class
    k that are correct is then hypergeometric. With a images and b predictions of a class, n images and S the sum of
    a b, the mean is S / n, and the variance is ``(n² S - n sum(a b (a + b)) + S²) / (n² (n - 1))``. Source: the
    variances and covariances of a contingency table with fixed margins, Mantel 1963; its mean is that of Cohen's
    kappa.
    """
    n, size = len(labels), int(max(labels.max(), predicted.max())) + 1
    a, b = (torch.bincount(of, minlength=size).double() for of in (labels, predicted))
    total = float((a * b).sum())
    mean = total / n
    spread = n**2 * total - n * float((a * b * (a + b)).sum()) + total**2
    variance = spread / (n**2 * (n - 1)) if n > 1 else 0.0
    hits = int((labels == predicted).sum())
    return mean, (hits - mean) / math.sqrt(variance) if variance > 1e-9 else 0.0


def ranks_above_chance(scores: Tensor, given: Tensor) -> float:
    """Return the z value of how much higher the scores (N, K) of `given` labels, bool (N, K), are than of others.

    It is the sum over labels of the Mann-Whitney statistic minus its mean, over the root of the summed variances, as
    if labels were independent. Equal scores share their mean rank; their smaller variance is ignored, which is
    cautious. Labels that all or no images have are left out. Source: Mann and Whitney 1947, equations for the mean
    n1 n0 / 2 and the variance n1 n0 (n + 1) / 12.
    """
    n = len(scores)
    places = ranks(scores.T.contiguous()).T + 0.5  # counted from 1
    having = given.sum(dim=0).double()
    above = (places * given).sum(dim=0) - having * (having + 1) / 2
    lacking = n - having
    variance = float((having * lacking * (n + 1) / 12).sum())
    return float((above - having * lacking / 2).sum()) / math.sqrt(variance) if variance else 0.0
