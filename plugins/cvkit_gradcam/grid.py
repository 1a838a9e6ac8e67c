"""A layer's output seen as a grid of places in the image, whatever the order of its axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

Layout = Literal["channels first", "channels last", "tokens"]
Size = tuple[int, int]
MOST_PREFIX_TOKENS = 9  # a class token and eight registers; Darcet et al. 2023, arXiv 2309.16588, use four


@dataclass(frozen=True)
class Grid:
    """Where the places of an image stand in a layer's output, and how many channels each has.

    `layout`: ``channels first`` (B, c, h, w), ``channels last`` (B, h, w, c), or ``tokens`` (B, prefix + h*w, c),
    places row by row, after `prefix` tokens that are none, such as class and register tokens. `position`: which
    tensor of the output it is, counted from 0 through nested tuples, lists and dicts.
    """

    layout: Layout
    channels: int
    height: int
    width: int
    prefix: int = 0
    position: int = 0

    @classmethod
    def of(cls, output: object, images: Tensor, prefixes: Sequence[int]) -> Grid | None:
        """Return the grid of the first tensor in `output` that is one of `images` (B, C, H, W), or None.

        A grid has more than one place, and its sides are the image's divided by one stride, within one place. Where
        both sides of the axes fit, the nearer wins. `prefixes`: how many tokens may come first, likeliest first.
        """
        for position, tensor in enumerate(tree_flatten(output)[0]):
            if not (isinstance(tensor, Tensor) and tensor.ndim in (3, 4) and len(tensor) == len(images)):
                continue
            size = (images.shape[-2], images.shape[-1])
            if tensor.ndim == 3:
                if found := places_of_tokens(tensor.shape[1], size, prefixes):
                    return cls("tokens", tensor.shape[2], *found, position)
                continue
            first, last = mismatch(tensor.shape[2:], size), mismatch(tensor.shape[1:3], size)
            if first < 1 and first <= last and not is_attention(tensor):
                _, channels, height, width = tensor.shape
                return cls("channels first", channels, height, width, position=position)
            if last < 1 and last < first:
                _, height, width, channels = tensor.shape
                return cls("channels last", channels, height, width, position=position)
        return None

    def __str__(self) -> str:
        """Return its size and layout, such as ``192 x 14 x 14, tokens after 1``."""
        after = f" after {self.prefix}" if self.prefix else ""
        return f"{self.channels} x {self.height} x {self.width}, {self.layout}{after}"

    def tensor(self, output: object) -> Tensor:
        """Return the tensor of an output that holds the grid."""
        tensor: Tensor = tree_flatten(output)[0][self.position]
        return tensor

    def put(self, output: object, tensor: Tensor) -> object:
        """Return the output with another tensor in that one's place; the output itself stays as it is."""
        leaves, spec = tree_flatten(output)
        leaves[self.position] = tensor
        return tree_unflatten(leaves, spec)

    def view(self, tensor: Tensor) -> Tensor:
        """Return the tensor, or one of its shape such as its gradient, as (B, c, h, w)."""
        if self.layout == "channels last":
            return tensor.movedim(-1, 1)
        if self.layout == "tokens":
            return tensor[:, self.prefix :].transpose(1, 2).reshape(-1, self.channels, self.height, self.width)
        return tensor


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


def places_of_tokens(length: int, size: Size, prefixes: Sequence[int]) -> tuple[int, int, int] | None:
    """Return (h, w, prefix) of a sequence of tokens, or None.

    One whole stride in both directions is preferred. Sides that are rounded are looked for after the two likeliest
    prefixes alone: with more, almost any length would do.
    """
    found = [(sides, prefix) for prefix in prefixes if (sides := sides_of(length - prefix, size))]
    whole = [(*sides, prefix) for sides, prefix in found if is_whole(sides, size)]
    rounded = [(*sides, prefix) for sides, prefix in found if prefix in prefixes[:2]]
    return next(iter(whole + rounded), None)


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
