"""Cutout (DeVries & Taylor 2017): one square of each image is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import torch
from kornia.augmentation import IntensityAugmentationBase2D
from pydantic import Field, PositiveInt
from torch import Tensor

from .batched import FollowsDevice, draw_corners, window

if TYPE_CHECKING:
    from cvkit import DataInfo


def cutout(info: DataInfo, *, size: PositiveInt = 8, p: Annotated[float, Field(ge=0, le=1)] = 1.0) -> Cutout:
    """Fill a `size` x `size` square of each image with the data set's per-channel mean, with probability `p`.

    The square lies fully inside the image, uniformly placed. Raises `ValueError` where it does not fit.
    """
    if size > min(info.height, info.width):
        raise ValueError(f"a cutout of {size}x{size} does not fit into images of {info.height}x{info.width}")
    return Cutout(size, info.mean, p)


class Cutout(FollowsDevice, IntensityAugmentationBase2D):
    """Fill one square of `size` pixels a side with `fill`, one value a channel; one write for the whole batch.

    Parameters: ``top`` and ``left``, int64 (B,), the square's corner.
    """

    fill: Tensor

    def __init__(self, size: int, fill: tuple[float, ...], p: float) -> None:
        super().__init__(p=p)
        self.flags = {"size": size}
        self.register_buffer("fill", torch.tensor(fill), persistent=False)

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Draw a corner for each image, uniform over every place where the square lies inside it."""
        size = self.flags["size"]
        return draw_corners(batch_shape[0], batch_shape[-2] - size + 1, batch_shape[-1] - size + 1, self.device)

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """Return a copy of `input` with the squares filled, in its memory format."""
        rows = window(params["top"].to(input.device), flags["size"])[:, :, None]
        columns = window(params["left"].to(input.device), flags["size"])[:, None, :]
        images = torch.arange(len(input), device=input.device)[:, None, None]
        output = input.clone()
        output[images, :, rows, columns] = self.fill.to(input)
        return output
