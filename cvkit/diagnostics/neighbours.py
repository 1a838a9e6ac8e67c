"""The images that a model finds most similar to others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..data.loading import BatchSource
from .features import Features

AT_ONCE = 250
"""Images in a forward pass, at most."""


@dataclass(frozen=True)
class Neighbours:
    """For each of n images the k most similar ones of a split, the most similar first.

    `indices`: int64 (n, k), into the split. `similarities`: float32 (n, k), cosines of the features, in [-1, 1].
    """

    indices: Tensor
    similarities: Tensor


def nearest(
    features: Features, images: Tensor, source: BatchSource, among: Tensor, k: int = 3, at_once: int = AT_ONCE
) -> Neighbours:
    """Return the `k` images of `source` most similar to each of `images`, or as many as there are.

    `images`: uint8 (n, C, H, W). `among`: int64 (m,), which images of `source` may be named. They pass through the
    model once, `at_once` together, and only the best are kept, so memory does not grow with m. The earlier in `among`
    of two that are equally similar comes first.
    """
    wanted = torch.cat([normalize(features(part)) for part in images.split(at_once)])
    best = wanted.new_zeros(len(images), 0)
    indices = torch.zeros(len(images), 0, dtype=torch.int64)
    for batch, named in zip(source.batches(among, at_once), among.split(at_once), strict=True):
        similar = torch.cat([best, wanted @ normalize(features(batch.images)).T], dim=1)
        similar, order = similar.sort(dim=1, descending=True, stable=True)
        best = similar[:, :k]
        indices = torch.cat([indices, named.expand(len(images), -1)], dim=1).gather(1, order[:, :k].cpu())
    return Neighbours(indices, best.cpu())
