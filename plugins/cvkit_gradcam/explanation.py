"""The result of an explainer: maps at every stage, and what they explain."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Explanation:
    """Maps of a batch of images, for one class per image, (B, ...), or for T classes per image, (B, T, ...).

    Attributes:
        raw: Signed maps at the resolution of the layer, (..., h, w); float32, or float64 if the layer output is.
        rectified: The raw maps with negative values set to zero.
        maps: The rectified maps at the image size and normalised, float32 (..., H, W).
        empty: Whether a map has no positive evidence and is zero everywhere, bool (...).
        method: Name of the component.
        layer: Name of the explained layer, as in `LayerCandidate.name`.
        targets: The explained classes, int64 (B,) or (B, T).
        against: The classes that the targets were contrasted with, of the same shape, or None.
    """

    raw: Tensor
    rectified: Tensor
    maps: Tensor
    empty: Tensor
    method: str
    layer: str
    targets: Tensor
    against: Tensor | None = None
