"""How far a map and an object's exact mask cover each other."""

from __future__ import annotations

import torch
from torch import Tensor


def energy_in_mask(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the share of each map's positive energy that lies inside its mask, float64 (m,) in [0, 1].

    `maps`: float (n, H, W). `masks`: bool (n, H, W); the m that are not empty count. A map without positive energy
    scores 0. The energy-based pointing game of Wang et al. 2020, "Score-CAM", arXiv 1910.01279, section 4.3, with
    the mask in place of the bounding box.
    """
    maps, masks = counting(maps, masks)
    positive = maps.double().clamp(min=0)
    total = positive.sum(dim=1)
    inside = (positive * masks).sum(dim=1)
    return torch.where(total > 0, inside / total, 0.0)


def top_k_iou(maps: Tensor, masks: Tensor) -> Tensor:
    """Return the intersection over union of each mask and the k highest pixels, k the mask's area, float64 (m,).

    Shapes as for `energy_in_mask`. Where pixels tie for the last places, each counts with the share of them that
    fits, so a constant map scores about what random pixels do. With c of the k inside it is c / (2 k - c); c / k is
    the relevance rank accuracy of Arras et al. 2022, "CLEVR-XAI", arXiv 2003.07258.
    """
    maps, masks = counting(maps, masks)
    area = masks.sum(dim=1, keepdim=True)
    last = maps.sort(dim=1, descending=True).values.gather(1, area - 1)
    above, tied = maps > last, maps == last
    share = (area - above.sum(dim=1, keepdim=True)).double() / tied.sum(dim=1, keepdim=True)
    inside = ((above + tied * share) * masks).sum(dim=1)
    return inside / (2 * area[:, 0] - inside)


def counting(maps: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """Return the maps and masks, (m, H * W), of the images whose mask is not empty."""
    kept = masks.flatten(1).any(dim=1)
    return maps[kept].flatten(1), masks[kept].flatten(1)
