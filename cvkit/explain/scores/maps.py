"""The maps to score: those of the explainers and those of the baselines."""

from __future__ import annotations

from torch import Tensor

from ..explainers import Explainers
from .baselines import baseline_maps

Maps = dict[str, Tensor]
"""Maps by name of the explainer or baseline, float32 (N, H, W)."""


def explained(explainers: Explainers, images: Tensor, targets: Tensor) -> Maps:
    """Return the maps of each explainer and of each baseline.

    `images` are uint8 (N, C, H, W), and `targets`, int64 (N,), are the classes to explain. Of signed maps this is the
    positive part, so that all maps mean the same: the evidence for the class.
    """
    maps = explainers.explain(images, targets)
    positive = {name: of_name.clamp(min=0) for name, of_name in maps.items() if name in explainers.signed}
    return maps | positive | baseline_maps(images, targets)
