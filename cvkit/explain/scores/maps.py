"""The maps that are scored: those of the explainers, and of baselines that know nothing of the model."""

from __future__ import annotations

from torch import Tensor

from ..explainers import Explainers
from .baselines import baseline_maps

Maps = dict[str, Tensor]
"""By the name of an explainer or baseline, its maps, float32 (N, H, W)."""


def explained(explainers: Explainers, images: Tensor, targets: Tensor) -> Maps:
    """Return the maps of each explainer and of each baseline.

    `images`: uint8 (N, C, H, W). `targets`: int64 (N,), the classes to explain.
    """
    return explainers.explain(images, targets) | baseline_maps(images, targets)
