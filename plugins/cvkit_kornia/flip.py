"""Random mirroring, decided for each image on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from kornia.augmentation import RandomHorizontalFlip
from pydantic import Field
from torch import Tensor

from .batched import FollowsDevice

if TYPE_CHECKING:
    from cvkit import DataInfo


def horizontal_flip(info: DataInfo, *, p: Annotated[float, Field(ge=0, le=1)] = 0.5) -> HorizontalFlip:
    """Mirror each image left to right with probability `p`."""
    return HorizontalFlip(p=p)


class HorizontalFlip(FollowsDevice, RandomHorizontalFlip):
    """Kornia's own flip, which selects by `torch.where`; it draws on the input's device and keeps the layout."""

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """Mirror every image; the base class keeps the mirrored ones that ``batch_prob`` selects."""
        return input.flip(-1)
