"""Decide whether a tensor is a grid of image positions, from its shape, its axes and the grids before it."""

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
_RATIOS = (2, 4)  # factors by which a network may downsample the tokens of the previous grid along a side


@dataclass(frozen=True)
class Known:
    """Information about a tensor besides its shape.

    Attributes:
        prefixes: Possible numbers of prefix tokens, the most likely first.
        sides: Height and width of the grids that the model returned before, the latest last.
        axis: Axis of the channels, or None if it is unknown.
        certain: Whether `axis` is certain.
    """

    prefixes: Sequence[int]
    sides: Sequence[Size] = ()
    axis: Axis | None = None
    certain: bool = False


def grid_of(tensor: Tensor, size: Size, known: Known) -> Grid | None:
    """Return the layout of a tensor (B, ...) as a grid for images of that `size`, or None if it is not a grid.

    A grid has more than one position, and its sides are those of the image divided by a common stride, to within one
    position. If both orders of the axes fit, `known` decides, and otherwise the order that fits better.
    """
    if tensor.ndim == 3:
        if known.certain and known.axis == "first":  # (B, c, length), of a one-dimensional convolution
            return None
        found = tokens_after_grids(tensor.shape[1:], known) if known.sides else tokens(tensor.shape[1], size, known)
        return Grid("tokens", tensor.shape[2], *found) if found else None
    if tensor.ndim != 4 or sum(length == 1 for length in tensor.shape[1:]) > 1:  # pooled, or one gate per channel
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
    """Return the possible numbers of prefix tokens, the most likely first.

    timm's transformers have the attribute `num_prefix_tokens`; 0 is for their sequences without the class token. For
    other models, the shortest prefix that leaves a grid is the most likely.
    """
    declared = [vars(module).get("num_prefix_tokens") for module in model.modules()]
    known = [count for count in declared if isinstance(count, int)]
    return (*dict.fromkeys(known), 0) if known else range(MOST_PREFIX_TOKENS + 1)


def mismatch(sides: Sequence[int], size: Size) -> float:
    """Return by how many positions two sides differ from the image proportions; infinite if they cannot fit."""
    (h, w), (height, width) = sides, size
    if h * w < 2 or h > height or w > width:
        return math.inf
    return abs(h * width - w * height) / max(size)


def tokens_after_grids(shape: Sequence[int], known: Known) -> tuple[int, int, int] | None:
    """Return (h, w, prefix) of tokens (length, c) in a model that has returned grids before, or None.

    The tokens must match one of these grids, the latest first, or a downsampled one. Other numbers of tokens are not
    a grid, even if they are a square number: they may be queries, heads, or the channels of an output whose positions
    come last.
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

    The same integer stride in both directions is preferred. Rounded sides are accepted only for the two most likely
    prefixes, because with more prefixes almost any length would fit.
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
    """Return the height and width of a grid of `places` positions in the proportions of the image, or None."""
    nearest = math.isqrt(max(places, 0) * size[0] // size[1])
    pairs = [(h, places // h) for h in (nearest, nearest + 1) if h and places % h == 0]
    fitting = [pair for pair in pairs if mismatch(pair, size) < 1]
    return min(fitting, key=lambda pair: mismatch(pair, size), default=None)


def is_whole(sides: Size, size: Size) -> bool:
    """Return whether the same integer stride in both directions divides the image into these sides."""
    (h, w), (height, width) = sides, size
    return height % h == 0 and width % w == 0 and height // h == width // w


def is_attention(tensor: Tensor) -> bool:
    """Return whether a tensor (B, heads, n, n) contains attention weights, whose rows sum to one, and not a grid."""
    rows = tensor[0, 0].float()
    if rows.shape[0] != rows.shape[1] or bool((rows < 0).any()):
        return False
    return torch.allclose(rows.sum(dim=1), torch.ones_like(rows[:, 0]), atol=1e-2)
