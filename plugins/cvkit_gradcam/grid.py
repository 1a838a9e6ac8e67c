"""View the output of a layer as a grid of image positions, whatever the order of its axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_unflatten

Layout = Literal["channels first", "channels last", "tokens"]


@dataclass(frozen=True)
class Grid:
    """The layout of a feature map in the output of a layer: a grid of image positions with channels.

    Attributes:
        layout: ``channels first`` (B, c, h, w), ``channels last`` (B, h, w, c), or ``tokens`` (B, prefix + h*w, c)
            with the positions row by row.
        channels: Channels per position.
        height: Positions in a column.
        width: Positions in a row.
        prefix: Tokens before the positions, such as class and register tokens.
        position: Index of the tensor in the output, counted from 0 through nested tuples, lists and dicts.
    """

    layout: Layout
    channels: int
    height: int
    width: int
    prefix: int = 0
    position: int = 0

    def __str__(self) -> str:
        """Return the size and layout, such as ``192 x 14 x 14, tokens after 1``."""
        after = f" after {self.prefix}" if self.prefix else ""
        return f"{self.channels} x {self.height} x {self.width}, {self.layout}{after}"

    def tensor(self, output: object) -> Tensor:
        """Return the tensor of an output that contains the grid."""
        tensor: Tensor = tree_flatten(output)[0][self.position]
        return tensor

    def put(self, output: object, tensor: Tensor) -> object:
        """Return a copy of the output in which `tensor` replaces the tensor of the grid."""
        leaves, spec = tree_flatten(output)
        leaves[self.position] = tensor
        return tree_unflatten(leaves, spec)

    def is_in(self, output: object, count: int) -> bool:
        """Return whether the output for `count` images has a tensor of exactly this shape at this position."""
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
        """Return the tensor of the grid, or a tensor of the same shape such as its gradient, as (B, c, h, w)."""
        if self.layout == "channels last":
            return tensor.movedim(-1, 1)
        if self.layout == "tokens":
            return tensor[:, self.prefix :].transpose(1, 2).reshape(-1, self.channels, self.height, self.width)
        return tensor
