"""Mirror images at random, each image independently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import torch
from kornia.augmentation import RandomHorizontalFlip
from pydantic import Field
from torch import Tensor

from .batched import FollowsDevice

if TYPE_CHECKING:
    from cvkit import DataInfo


def horizontal_flip(info: DataInfo, *, p: Annotated[float, Field(ge=0, le=1)] = 0.5) -> HorizontalFlip:
    """Mirror each image from left to right with probability `p`.

    Args:
        info: Channels, image size and classes of the data set; not used.
        p: Probability with which an image is mirrored, in [0, 1].

    Returns:
        An augmentation of float images (B, C, H, W).
    """
    return HorizontalFlip(p=p)


class HorizontalFlip(FollowsDevice, RandomHorizontalFlip):
    """Kornia's flip, with random numbers on the device of the input and with the memory format unchanged."""

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """Mirror every image; the base class keeps only the mirrored images that ``batch_prob`` selects."""
        return input.flip(-1)

    def pixel_moves(self, shape: tuple[int, int, int, int], device: torch.device) -> tuple[Tensor, Tensor]:
        """Draw which images of `shape` (B, C, H, W) are mirrored; return the source of each row and column."""
        mirrored = (self.drawn(shape, device)["batch_prob"] > 0.5).to(device)
        rows, columns = (torch.arange(length, device=device) for length in shape[-2:])
        return rows.expand(shape[0], -1), torch.where(mirrored[:, None], shape[-1] - 1 - columns, columns)
