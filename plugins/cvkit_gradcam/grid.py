"""A layer's output seen as a grid of places in the image, whatever the order of its axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

Layout = Literal["channels first", "channels last", "tokens"]


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

    def is_in(self, output: object, count: int) -> bool:
        """Whether an output for `count` images has, in its place, a tensor of just this grid's shape."""
        leaves = tree_flatten(output)[0]
        tensor = leaves[self.position] if self.position < len(leaves) else None
        return isinstance(tensor, Tensor) and tuple(tensor.shape) == (count, *self._shape())

    def _shape(self) -> tuple[int, ...]:
        if self.layout == "tokens":
            return self.prefix + self.height * self.width, self.channels
        if self.layout == "channels last":
            return self.height, self.width, self.channels
        return self.channels, self.height, self.width

    def view(self, tensor: Tensor) -> Tensor:
        """Return the tensor, or one of its shape such as its gradient, as (B, c, h, w)."""
        if self.layout == "channels last":
            return tensor.movedim(-1, 1)
        if self.layout == "tokens":
            return tensor[:, self.prefix :].transpose(1, 2).reshape(-1, self.channels, self.height, self.width)
        return tensor
