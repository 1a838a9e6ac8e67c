"""Helpers of the batched augmentations: device, random positions and memory format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cvkit import global_batch

if TYPE_CHECKING:
    from kornia.augmentation import AugmentationBase2D as Augmentation
else:
    Augmentation = object  # FollowsDevice is mixed in before the base class that it is written for

SHAPE = "forward_input_shape"  # the only parameter of Kornia's that is not a value for each image


class FollowsDevice(Augmentation):
    """A mixin for Kornia classes that moves buffers and random numbers to the device of the images.

    If several processes train together, the parameters are drawn for all images of the global batch.
    """

    draws_globally = True

    def forward(self, input: Tensor, params: dict[str, Tensor] | None = None, **kwargs: Any) -> Tensor:
        """Augment `input`, float (B, C, H, W), with random parameters, or with `params` if they are given."""
        if params is None:
            params = self.drawn(tuple(input.shape), input.device)
        return super().forward(input, params, **kwargs)

    def drawn(self, shape: tuple[int, ...], device: torch.device) -> dict[str, Tensor]:
        """Draw the parameters for images (B, C, H, W) of `shape` on `device`."""
        if self.device != device:
            self.to(device)
        batch = global_batch(shape[0])
        if batch.rows == slice(None):
            return self.forward_parameters(torch.Size(shape))
        drawn = self.forward_parameters(torch.Size((batch.total, *shape[1:])))
        params = {name: value if name == SHAPE else value[batch.rows] for name, value in drawn.items()}
        return {**params, SHAPE: torch.tensor(shape)}


def draw_corners(count: int, rows: int, columns: int, device: torch.device) -> dict[str, Tensor]:
    """Draw `count` upper left corners, uniform over ``rows x columns`` positions: int64 ``top`` and ``left`` (B,)."""
    return {
        "top": torch.randint(rows, (count,), device=device),
        "left": torch.randint(columns, (count,), device=device),
    }


def window(start: Tensor, length: int) -> Tensor:
    """Return the indices of the `length` pixels that begin at each `start`: int64 (B,) to (B, length)."""
    return start[:, None] + torch.arange(length, device=start.device)


def memory_format(images: Tensor) -> torch.memory_format:
    """Return `channels_last` if `images` are stored in that format only, and `contiguous_format` otherwise."""
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
