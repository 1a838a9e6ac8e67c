"""Framing as a part of an exported graph: images of any size to the input size, with tensor operations only.

Resizing is separable, so it is two matrix products: each row of a matrix contains the weights of the pixels that one
pixel of the result is a mean of. Only the rows and columns that the framing keeps are computed, so the result has the
same shape for every image, and every program that multiplies matrices can compute it. ONNX's own ``Resize`` has no
Lanczos interpolation, and with ``antialias=1`` onnxruntime's pixels differ from torchvision's by up to 2 of 255 in
integers and by up to 15 in floats. docs/export.md has the measurements.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..data.resizing import DEFAULT, FAR
from ..data.splits import DataInfo

_SUPPORT = {"bilinear": 1.0, "bicubic": 2.0, "lanczos": 3.0}  # pixels on each side that a filter reaches
_MOST_BITS = 22  # of a weight's fraction, as in torch


class FramingModule(nn.Module):
    """From uint8 images (B, C, H', W') of one size to framed images, uint8 (B, C, H, W), as `frame` returns them.

    Args:
        info: The input size, the framing and the mean colour.
    """

    def __init__(self, info: DataInfo) -> None:
        super().__init__()
        self._wanted = (info.height, info.width)
        self._framing = info.framing or DEFAULT
        self.fill: Tensor
        self.register_buffer(
            "fill", torch.tensor([float(round(255 * value)) for value in info.mean]).view(1, -1, 1, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return the framed images."""
        pixels = [torch.arange(side, dtype=torch.float64) for side in images.shape[-2:]]
        sides = [one.max() + 1 for one in pixels]
        cuts = self._cuts(sides)
        kept = [side - 2 * cut for side, cut in zip(sides, cuts, strict=True)]
        places = self._places(kept)
        rows, columns = (
            self._weights(one - cut, side, *place, wanted)
            for one, cut, side, place, wanted in zip(pixels, cuts, kept, places, self._wanted, strict=True)
        )
        resized = _rounded(rows @ _rounded(images.to(torch.float32) @ columns.T))
        inside = [_inside(*place, wanted) for place, wanted in zip(places, self._wanted, strict=True)]
        return torch.where(inside[0][:, None] & inside[1][None, :], resized, self.fill).to(torch.uint8)

    def _cuts(self, sides: list[Tensor]) -> list[Tensor]:
        """Return how many rows and columns `frame` cuts off at each end of a very long image."""
        if self._framing.mode != "crop":
            return [torch.zeros_like(side) for side in sides]
        window = self._window(sides)
        # Below 2**53 the ceiling of a quotient in float64 is that of integers, which `frame` computes with.
        most = [FAR * (w * side / size).ceil() for w, side, size in zip(self._wanted, sides, window, strict=True)]
        return [((side - one) / 2).floor().clamp(min=0) for side, one in zip(sides, most, strict=True)]

    def _places(self, sides: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
        """Return the side of the resized image and the first pixel that is kept, for rows and for columns."""
        window = self._window(sides)
        same = (sides[0] == self._wanted[0]) & (sides[1] == self._wanted[1])
        sizes = [torch.where(same, wanted, size) for wanted, size in zip(self._wanted, window, strict=True)]
        halves = [(size - wanted) / 2 for wanted, size in zip(self._wanted, sizes, strict=True)]
        starts = [half.floor() if self._framing.mode == "pad" else half.round() for half in halves]
        return [*zip(sizes, starts, strict=True)]

    def _window(self, sides: list[Tensor]) -> list[Tensor]:
        """Return the height and the width of the resized image, as `Framing.window` does."""
        wanted = self._wanted
        if self._framing.mode == "squash":
            return [torch.full_like(side, one) for side, one in zip(sides, wanted, strict=True)]
        ratios = [one / side for one, side in zip(wanted, sides, strict=True)]
        if self._framing.mode == "pad":
            ratio = torch.minimum(*ratios)
            return [(side * ratio).round().clamp(1, one) for side, one in zip(sides, wanted, strict=True)]
        covered = [math.floor(side / (self._framing.crop_pct or 1.0)) for side in wanted]
        by_height = ratios[0] >= ratios[1]
        height = torch.where(by_height, covered[0], (covered[1] * sides[0] / sides[1]).floor())
        width = torch.where(by_height, (covered[0] * sides[1] / sides[0]).floor(), covered[1])
        return [size.clamp(min=one) for size, one in zip((height, width), wanted, strict=True)]

    def _weights(self, pixels: Tensor, side: Tensor, size: Tensor, start: Tensor, wanted: int) -> Tensor:
        """Return the weight of each of `pixels` in each kept row or column, float32 (`wanted`, number of pixels).

        `pixels` are their positions along a side of `side` pixels that is resized to `size` pixels, of which those
        from `start` are kept.
        """
        interpolation = self._framing.interpolation or "bilinear"
        places = (start + torch.arange(wanted, dtype=torch.float64)[:, None]).clamp(min=0)
        places = torch.minimum(places, size - 1)  # what lies outside is replaced by the mean colour
        if interpolation == "nearest":
            scale = side.to(torch.float32) / size.to(torch.float32)  # torch computes the position in float32
            chosen = (places.to(torch.float32) * scale).floor().clamp(max=side.to(torch.float32) - 1)
            return (pixels == chosen.to(torch.float64)).to(torch.float32)
        # The first row is truncated, so its weights may be the largest, on which the precision depends.
        first = torch.zeros(1, 1, dtype=torch.float64)
        weights = _filtered(pixels, torch.cat([places, first]), side, size, interpolation)
        return _in_16_bits(weights)[:-1]


def _filtered(pixels: Tensor, places: Tensor, side: Tensor, size: Tensor, interpolation: str) -> Tensor:
    """Return the weights of antialiased interpolation, float64 (places, pixels), as torch computes them."""
    scale = side / size
    stretched = scale.clamp(min=1.0)
    support = _SUPPORT[interpolation] * stretched
    centres = scale * (places + 0.5)
    lowest = (centres - support + 0.5).floor().clamp(min=0)
    highest = torch.minimum((centres + support + 0.5).floor(), side)
    weights = _FILTERS[interpolation](((pixels - centres + 0.5) * (1 / stretched)).abs())
    weights = torch.where((pixels >= lowest) & (pixels < highest), weights, torch.zeros_like(weights))
    return weights / weights.sum(dim=1, keepdim=True)


def _in_16_bits(weights: Tensor) -> Tensor:
    """Return weights rounded to integers of 16 bits with a common exponent, as in torch's kernel for uint8 images."""
    most = weights.max()
    bits = (torch.log2((2.0**15 - 0.5) / most).ceil() - 1).clamp(0, _MOST_BITS)
    unit = torch.exp2(bits)
    return ((weights.abs() * unit + 0.5).floor() * weights.sign() / unit).to(torch.float32)


def _rounded(values: Tensor) -> Tensor:
    """Return values rounded to a byte, halves up, as torch does after the columns and again after the rows."""
    return (values + 0.5).floor().clamp(0, 255)


def _inside(size: Tensor, start: Tensor, wanted: int) -> Tensor:
    """Return which of the kept rows or columns are in the resized image, bool (`wanted`,)."""
    places = start + torch.arange(wanted, dtype=torch.float64)
    return (places >= 0) & (places < size)


def _bilinear(x: Tensor) -> Tensor:
    return (1 - x).clamp(min=0)


def _bicubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution with a = -1/2, as Pillow and torch use it if they antialias."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * -0.5
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _lanczos(x: Tensor) -> Tensor:
    """Lanczos' windowed sinc with a = 3."""
    return torch.where(x < 3, _sinc(x) * _sinc(x / 3), torch.zeros_like(x))


def _sinc(x: Tensor) -> Tensor:
    angle = math.pi * torch.where(x == 0, torch.ones_like(x), x)
    return torch.where(x == 0, torch.ones_like(x), angle.sin() / angle)


_FILTERS = {"bilinear": _bilinear, "bicubic": _bicubic, "lanczos": _lanczos}
