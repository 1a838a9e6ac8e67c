"""The result of the methods that give each pixel a share of a class score, for or against the class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Attribution:
    """Signed maps of a batch of images, for one class per image, (B, ...), or for T classes per image, (B, T, ...).

    Attributes:
        raw: How much each pixel adds to the logit of the class, in units of the logit, float32 or float64 (..., H,
            W).
        maps: The maps that are shown and scored: the raw maps, each divided by its largest absolute value, float32
            (..., H, W) in [-1, 1]. Those of occlusion are smoothed first.
        empty: Whether a map is zero everywhere, bool (...).
        method: Name of the component.
        targets: The explained classes, int64 (B,) or (B, T).
        against: The classes that the targets were contrasted with, of the same shape, or None.
    """

    raw: Tensor
    maps: Tensor
    empty: Tensor
    method: str
    targets: Tensor
    against: Tensor | None = None

    @classmethod
    def of(
        cls, method: str, raw: Tensor, targets: Tensor, against: Tensor | None, smoothed: Tensor | None = None
    ) -> Attribution:
        """Return the attribution from raw maps (B, T, H, W), which `smoothed` replaces as the maps to show.

        T is 1 if the targets are (B,).
        """
        raw, shown = (
            each if targets.ndim == 2 else each[:, 0] for each in (raw, raw if smoothed is None else smoothed)
        )
        maps = divided_by_peak(shown).float()
        return cls(raw, maps, ~maps.flatten(-2).any(dim=-1), method, targets, against)


def divided_by_peak(maps: Tensor) -> Tensor:
    """Divide each map (..., H, W) by its largest absolute value; a map of zeros stays zero, and NaN is kept."""
    peak = maps.abs().amax(dim=(-2, -1), keepdim=True)
    return maps / torch.where(peak > 0, peak, 1.0)
