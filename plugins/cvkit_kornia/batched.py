"""What the batched augmentations share: following the input's device, drawing places, and keeping the layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from kornia.augmentation import AugmentationBase2D as Augmentation
else:
    Augmentation = object  # FollowsDevice is mixed in before the base class that it is written for


class FollowsDevice(Augmentation):
    """Mixed in before a Kornia base class: buffers and random numbers live where the images live, without ``.to``."""

    def forward(self, input: Tensor, params: dict[str, Tensor] | None = None, **kwargs: Any) -> Tensor:
        """Augment `input`, float (B, C, H, W); given `params`, replay them instead of drawing."""
        if self.device != input.device:
            self.to(input.device)
        return super().forward(input, params, **kwargs)


def draw_corners(count: int, rows: int, columns: int, device: torch.device) -> dict[str, Tensor]:
    """Draw `count` upper left corners, uniform over ``rows x columns`` places, as int64 ``top`` and ``left`` (B,)."""
    return {
        "top": torch.randint(rows, (count,), device=device),
        "left": torch.randint(columns, (count,), device=device),
    }


def window(start: Tensor, length: int) -> Tensor:
    """Return the indices of `length` pixels from each `start`: int64 (B,) -> (B, length)."""
    return start[:, None] + torch.arange(length, device=start.device)


def memory_format(images: Tensor) -> torch.memory_format:
    """Return `channels_last` where `images` are stored so and not contiguously, else `contiguous_format`."""
    last = images.is_contiguous(memory_format=torch.channels_last) and not images.is_contiguous()
    return torch.channels_last if last else torch.contiguous_format
