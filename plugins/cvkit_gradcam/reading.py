"""A tensor read as a grid of the image: by its shape, and by what is known of its axes and of the grids before it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .axes import Axis
from .grid import Grid

Size = tuple[int, int]
MOST_PREFIX_TOKENS = 9  # a class token and eight registers; Darcet et al. 2023, arXiv 2309.16588, use four
_RATIOS = (2, 4)  # by which tokens are fewer than the places before them, on a side, where a net thins them out


@dataclass(frozen=True)
class Known:
    """What is known of a tensor besides its shape.

    `prefixes`: how many tokens may come first, likeliest first. `sides`: of the grids that the model made before it,
    the latest last. `axis`: where its channels are, and `certain`: whether that is sure; None where nothing tells.
    """

    prefixes: Sequence[int]
    sides: Sequence[Size] = ()
    axis: Axis | None = None
    certain: bool = False


def grid_of(tensor: Tensor, size: Size, known: Known) -> Grid | None:
    """Return a tensor (B, ...) as a grid of images of that size, at position 0 of its output, or None.

    A grid has more than one place, and its sides are the image's divided by one stride, within one place. Where both
    orders of the axes fit, what is known decides, or else the nearer wins.
    """
    if tensor.ndim == 3:
        if known.certain and known.axis == "first":  # (B, c, length), of a one-dimensional convolution
            return None
        found = tokens_after_grids(tensor.shape[1:], known) if known.sides else tokens(tensor.shape[1], size, known)
        return Grid("tokens", tensor.shape[2], *found) if found else None
    if tensor.ndim != 4 or sum(length == 1 for length in tensor.shape[1:]) > 1:  # pooled, or a gate for each channel
        return None
    first, last = mismatch(tensor.shape[2:], size), mismatch(tensor.shape[1:3], size)
    if known.certain:
        first, last = (first, math.inf) if known.axis == "first" else (math.inf, last)
    if max(first, last) < 1 and known.axis == "last":
        first = math.inf
    if first < 1 and (first <= last or known.axis == "first") and not is_attention(tensor):
        _, channels, height, width = tensor.shape
        return Grid("channels first", channels, height, width)
    if last < 1 and last < first:
        _, height, width, channels = tensor.shape
        return Grid("channels last", channels, height, width)
    return None


def prefix_lengths(model: nn.Module) -> Sequence[int]:
    """Return how many tokens may stand before those of the places, likeliest first.

    timm's transformers tell, as `num_prefix_tokens`; 0 is for their sequences before the class token is added. Others
    are asked for the shortest prefix that leaves a grid.
    """
    told = [vars(module).get("num_prefix_tokens") for module in model.modules()]
    known = [count for count in told if isinstance(count, int)]
    return (*dict.fromkeys(known), 0) if known else range(MOST_PREFIX_TOKENS + 1)


def mismatch(sides: Sequence[int], size: Size) -> float:
    """Return by how many places two sides miss the image's proportions; infinite where they are no grid of it."""
    (h, w), (height, width) = sides, size
    if h * w < 2 or h > height or w > width:
        return math.inf
    return abs(h * width - w * height) / max(size)


def tokens_after_grids(shape: Sequence[int], known: Known) -> tuple[int, int, int] | None:
    """Return (h, w, prefix) of tokens (length, c) in a model that has made grids before, or None.

    They are the places of such a grid, the latest first, or of one thinned out. A number of tokens that is none of
    these is no grid, even where it is a square: queries, heads, or channels of an output whose places come last.
    """
    length, channels = shape
    (h, w), likely = known.sides[-1], known.prefixes[:2]
    if length - h * w in known.prefixes:
        return h, w, length - h * w
    if channels == h * w:
        return None
    thinned = [(math.ceil(h / ratio), math.ceil(w / ratio)) for ratio in _RATIOS]
    for h, w in [*reversed(known.sides[:-1]), *thinned]:
        if h * w > 1 and length - h * w in likely:
            return h, w, length - h * w
    return None


def tokens(length: int, size: Size, known: Known) -> tuple[int, int, int] | None:
    """Return (h, w, prefix) of a sequence of tokens, or None.

    One whole stride in both directions is preferred. Sides that are rounded are looked for after the two likeliest
    prefixes alone: with more, almost any length would do.
    """
    found = [*_sides_after(length, size, known.prefixes)]
    whole = [(*sides, prefix) for sides, prefix in found if is_whole(sides, size)]
    rounded = [(*sides, prefix) for sides, prefix in found if prefix in known.prefixes[:2]]
    return next(iter(whole + rounded), None)


def _sides_after(length: int, size: Size, prefixes: Sequence[int]) -> Iterator[tuple[Size, int]]:
    for prefix in prefixes:
        if sides := sides_of(length - prefix, size):
            yield sides, prefix


def sides_of(places: int, size: Size) -> Size | None:
    """Return the sides of so many places in the image's proportions, or None."""
    nearest = math.isqrt(max(places, 0) * size[0] // size[1])
    pairs = [(h, places // h) for h in (nearest, nearest + 1) if h and places % h == 0]
    fitting = [pair for pair in pairs if mismatch(pair, size) < 1]
    return min(fitting, key=lambda pair: mismatch(pair, size), default=None)


def is_whole(sides: Size, size: Size) -> bool:
    """Whether one whole stride divides the image into these sides."""
    (h, w), (height, width) = sides, size
    return height % h == 0 and width % w == 0 and height // h == width // w


def is_attention(tensor: Tensor) -> bool:
    """Whether (B, heads, n, n) are weights of attention, which have the shape of a grid: their rows sum to one."""
    rows = tensor[0, 0].float()
    if rows.shape[0] != rows.shape[1] or bool((rows < 0).any()):
        return False
    return torch.allclose(rows.sum(dim=1), torch.ones_like(rows[:, 0]), atol=1e-2)
