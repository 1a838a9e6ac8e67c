"""The pointing game: whether a map's maximum lies on the object. Source: Zhang et al. 2016, arXiv:1608.00507."""

from __future__ import annotations

from torch import Tensor

from .mask_metrics import counting


def pointing_game(maps: Tensor, masks: Tensor) -> Tensor:
    """Return whether each map's maximum lies inside its mask, bool (m,), for the m masks that are not empty.

    `maps` are float (n, H, W), and `masks`, bool (n, H, W), are true on the object. A maximum that several pixels
    share is not a hit, so a constant map scores 0.
    """
    maps, masks = counting(maps, masks)
    peaks = maps == maps.amax(dim=1, keepdim=True)
    return (peaks.sum(dim=1) == 1) & (peaks & masks).any(dim=1)
