"""What an explainer finds, at every stage, and what it was asked."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Explanation:
    """Maps of a batch of images, for one class each, (B, ...), or for T classes each, (B, T, ...).

    `raw`: the signed map at the layer's resolution, (..., h, w); float32, or float64 where the layer's output is.
    `rectified`: the same with what speaks against the class cut off at zero. `maps`: `rectified` at the images' size
    and normalised, float32 (..., H, W). `empty`: bool (...), whether there is no positive evidence at all, so that
    the map is zero. `method`: the component's name. `layer`: the name of the layer explained, as a `Candidate` has
    it. `targets`: the classes, int64 (B,) or (B, T). `against`: the classes that the targets were contrasted with, of
    their shape, or None.
    """

    raw: Tensor
    rectified: Tensor
    maps: Tensor
    empty: Tensor
    method: str
    layer: str
    targets: Tensor
    against: Tensor | None = None
