"""Maps of a concept: from the gradient of a class score to what is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from .attribution import divided_by_peak
from .normalize import resized
from .separator import Separator

ConceptValues = Literal["derivative", "contribution"]

_EVEN = 1e-4  # largest difference of places, as a share of the largest absolute value, that rounding explains


@dataclass(frozen=True)
class ConceptExplanation:
    """Signed maps of a batch of images, for one class per image, (B, ...), or for T classes per image, (B, T, ...).

    Attributes:
        raw: Signed maps at the resolution of the layer, (..., h, w); float32, or float64 if the layer output is. With
            ``derivative``, the sum over the places is the derivative of the class score along the concept, whose sign
            TCAV counts.
        maps: The raw maps in the image size, each divided by its largest absolute value, float32 (..., H, W) in
            [-1, 1].
        empty: Whether a map is zero everywhere, bool (...).
        method: Name of the component.
        layer: Name of the explained layer, as in `LayerCandidate.name`.
        separator: The separator between the concept and training images, with its accuracy.
        targets: The explained classes, int64 (B,) or (B, T).
        against: The classes that the targets were contrasted with, of the same shape, or None.
    """

    raw: Tensor
    maps: Tensor
    empty: Tensor
    method: str
    layer: str
    separator: Separator
    targets: Tensor
    against: Tensor | None = None

    @classmethod
    def of(
        cls,
        raw: Tensor,
        size: tuple[int, ...],
        layer: str,
        separator: Separator,
        targets: Tensor,
        against: Tensor | None,
    ) -> ConceptExplanation:
        """Return the explanation from raw maps (B, T, h, w) for images of a size; T is 1 if the targets are (B,)."""
        maps = divided_by_peak(resized(raw, size)).float()
        if targets.ndim == 1:
            raw, maps = raw[:, 0], maps[:, 0]
        empty = ~maps.flatten(-2).any(dim=-1)
        return cls(raw, maps, empty, "concept", layer, separator, targets, against)

    @property
    def is_even(self) -> bool:
        """Whether a map that is not empty has the same value at every place."""
        places = self.raw.flatten(-2)
        spread = places.amax(dim=-1) - places.amin(dim=-1)
        even = (spread <= _EVEN * places.abs().amax(dim=-1)) & ~self.empty
        return bool(even.any())


def signed_maps(separator: Separator, values: ConceptValues, activation: Tensor, gradient: Tensor) -> Tensor:
    """Return signed maps (B, T, h, w) from activations (B, c, h, w) and gradients of class scores (B, T, c, h, w).

    With the direction v of the concept, the derivative at a place is ``sum_k g_k v_k``: equation 1 of Kim et al.
    2018, arXiv 1711.11279, before its sum over places. The contribution multiplies it by ``sum_k (A_k - m_k) v_k``,
    where m is the mean activation of the training images: a first-order estimate of how much the score would fall if
    the place had the usual amount of the concept.
    """
    direction = separator.direction.to(gradient)
    derivative = (gradient * direction.view(-1, 1, 1)).sum(dim=2)
    if values == "derivative":
        return derivative
    usual = separator.usual.to(gradient) @ direction
    amount = (activation * direction.view(-1, 1, 1)).sum(dim=1) - usual
    return derivative * amount[:, None]
