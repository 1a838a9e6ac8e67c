"""Cutout (DeVries & Taylor 2017): hide one square of each image."""

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
    """Fill a random square of each image with the per-channel mean of the data set.

    The square is always inside the image, uniform over all such positions.
    Source: DeVries & Taylor 2017, "Improved Regularization of Convolutional Neural Networks with Cutout".

    Args:
        info: Image size and per-channel mean of the data set.
        size: Side of the square in pixels, at least 1.
        p: Probability with which an image gets a square, in [0, 1].

    Returns:
        An augmentation of float images (B, C, H, W).

    Raises:
        ValueError: The square is larger than the images.
    """
    if size > min(info.height, info.width):
        raise ValueError(
            f"size: a cutout of {size}x{size} does not fit into images of {info.height}x{info.width}; lower size"
        )
    return Cutout(size, info.mean, p)


class Cutout(FollowsDevice, IntensityAugmentationBase2D):
    """Fill one square of `size` x `size` pixels with `fill`, one value per channel, in one write for the whole batch.

    The random parameters are ``top`` and ``left``, int64 (B,): the corner of the square.
    """

    fill: Tensor

    def __init__(self, size: int, fill: tuple[float, ...], p: float) -> None:
        super().__init__(p=p)
        self.flags = {"size": size}
        self.register_buffer("fill", torch.tensor(fill), persistent=False)

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Draw a corner for each image, uniform over all positions at which the square is inside the image."""
        size = self.flags["size"]
        return draw_corners(batch_shape[0], batch_shape[-2] - size + 1, batch_shape[-1] - size + 1, self.device)

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """Return a copy of `input` with the squares filled, in the memory format of `input`."""
        rows = window(params["top"].to(input.device), flags["size"])[:, :, None]
        columns = window(params["left"].to(input.device), flags["size"])[:, None, :]
        images = torch.arange(len(input), device=input.device)[:, None, None]
        output = input.clone()
        output[images, :, rows, columns] = self.fill.to(input)
        return output
