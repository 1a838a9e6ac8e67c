"""Find the images that are most similar to others in a model's features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..data.loading import BatchSource, Reading
from .features import Features

AT_ONCE = 250
"""The maximum number of images in a forward pass."""


@dataclass(frozen=True)
class Neighbours:
    """The k most similar images of a split for each of n images, most similar first.

    Attributes:
        indices: Positions in the split, int64 (n, k).
        similarities: Cosine similarities of the features, float32 (n, k) in [-1, 1].
    """

    indices: Tensor
    similarities: Tensor


def nearest(
    features: Features,
    images: Tensor,
    source: BatchSource,
    among: Tensor,
    k: int = 3,
    at_once: int = AT_ONCE,
    advance: Callable[[int], object] = int,
) -> Neighbours:
    """Return the `k` images of `source` that are most similar to each of `images`, or fewer if there are fewer.

    `images` is uint8 (n, C, H, W). `among`, int64 (m,), contains the candidates in `source`. They pass through the
    model once, in batches of `at_once`, and only the best are kept, so memory does not grow with m. Among equally
    similar images, the one earlier in `among` comes first. `advance` is called with the number of each batch.
    """
    wanted = torch.cat([normalize(features(part)) for part in images.split(at_once)])
    best = wanted.new_zeros(len(images), 0)
    indices = torch.zeros(len(images), 0, dtype=torch.int64)
    for batch, named in zip(source.batches(Reading(among, at_once)), among.split(at_once), strict=True):
        similar = torch.cat([best, wanted @ normalize(features(batch.images)).T], dim=1)
        similar, order = similar.sort(dim=1, descending=True, stable=True)
        best = similar[:, :k]
        indices = torch.cat([indices, named.expand(len(images), -1)], dim=1).gather(1, order[:, :k].cpu())
        advance(len(named))
    return Neighbours(indices, best.cpu())
