"""How far the framing in a graph differs from cvkit's, in pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import RunError
from ..explain.picture import Picture
from .originals import UnframedPicture


@dataclass(frozen=True)
class FramingGap:
    """The measurement that a graph frames images as the run does.

    Attributes:
        resized: The number of images that had another size than the model, so that the graph framed them.
        worst_gap: The largest difference of a pixel from cvkit's framing, 0 to 255.
        worst_image: The name of the image with this difference; empty if there is none.
        different: The share of the pixels of the framed images that differ, in [0, 1].
        reduced: Whether the run decodes large photos at a reduced size, and the graph gets all of their pixels.
    """

    resized: int
    worst_gap: int
    worst_image: str
    different: float
    reduced: bool


class FramingGaps:
    """Compares pictures that cvkit framed with what `framed` makes of their original images.

    Args:
        framed: From uint8 images (B, C, H', W') of one size to uint8 (B, C, H, W).
        reduced: Whether the run decodes large photos at a reduced size.
    """

    def __init__(self, framed: Callable[[Tensor], Tensor], *, reduced: bool) -> None:
        self._framed, self._reduced = framed, reduced
        self._resized = self._pixels = self._different = self._worst = 0
        self._worst_image = ""

    def add(self, pictures: Sequence[Picture]) -> None:
        """Compare pictures; raise `RunError` if an image comes back in another shape."""
        for picture in pictures:
            if not isinstance(picture, UnframedPicture) or picture.original.shape == picture.fitted.shape:
                continue
            made = self._framed(picture.original[None])
            if made.shape != (1, *picture.fitted.shape):
                raise RunError(f"the exported file framed {picture.name} as {tuple(made.shape)}")
            gaps = (made[0].to(torch.int32) - picture.fitted.to(torch.int32)).abs()
            self._resized += 1
            self._pixels += gaps.numel()
            self._different += int(gaps.count_nonzero())
            if (worst := int(gaps.max())) > self._worst:
                self._worst, self._worst_image = worst, picture.name

    def result(self) -> FramingGap:
        """Return what was measured so far."""
        share = self._different / max(1, self._pixels)
        return FramingGap(self._resized, self._worst, self._worst_image, share, self._reduced)
