"""Metrics of the overlap between a map and the exact mask of an object."""

from __future__ import annotations

import torch
from torch import Tensor


def energy_in_mask(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's positive values that lies inside its mask, float64 (m,) in [0, 1].

    `maps` are float (n, H, W) and `masks` bool (n, H, W); only the m images with a nonempty mask count. A map without
    positive values scores 0. Source: the energy-based pointing game of Wang et al. 2020, "Score-CAM",
    arXiv:1910.01279, section 4.3, with the mask instead of the bounding box.
    """
    maps, masks = counting(maps, masks)
    positive = maps.double().clamp(min=0)
    total = positive.sum(dim=1)
    inside = (positive * masks).sum(dim=1)
    return torch.where(total > 0, inside / total, 0.0)


def top_k_iou(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the intersection over union of each mask and the k highest pixels, with k the mask's area, float64 (m,).

    The shapes are those of `energy_in_mask`. If pixels tie for the last ranks, each counts as the share of them that
    still fits, so a constant map scores about as well as random pixels. With c of the k pixels inside, the result is
    c / (2 k - c); c / k is the relevance rank accuracy of Arras et al. 2022, "CLEVR-XAI", arXiv:2003.07258.
    """
    maps, masks = counting(maps, masks)
    area = masks.sum(dim=1, keepdim=True)
    last = maps.sort(dim=1, descending=True).values.gather(1, area - 1)
    above, tied = maps > last, maps == last
    share = (area - above.sum(dim=1, keepdim=True)).double() / tied.sum(dim=1, keepdim=True)
    inside = ((above + tied * share) * masks).sum(dim=1)
    return inside / (2 * area[:, 0] - inside)


def counting(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps and masks, (m, H * W), of the images with a nonempty mask."""
    usable = masks.flatten(1).any(dim=1)
    return maps[usable].flatten(1), masks[usable].flatten(1)
