"""Pad a batch of images, then crop each image at its own random position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from kornia.augmentation import GeometricAugmentationBase2D
from pydantic import NonNegativeInt, PositiveInt
from torch import Tensor
from torch.nn.functional import pad

from .batched import FollowsDevice, draw_corners, memory_format, window

if TYPE_CHECKING:
    from cvkit import DataInfo


def random_crop(
    info: DataInfo,
    *,
    size: PositiveInt | None = None,
    padding: NonNegativeInt = 4,
    padding_mode: Literal["reflect", "replicate", "circular", "constant"] = "reflect",
) -> RandomCrop:
    """Pad every image, then crop it at a random position, uniform over all positions inside the padded image.

    Args:
        info: Channels, image size and classes of the data set.
        size: Height and width of the crop in pixels, at least 1; null keeps the image size of the data set.
        padding: Pixels added on each side before the crop, at least 0.
        padding_mode: How padded pixels are filled, as in ``torch.nn.functional.pad``; ``constant`` fills with 0.

    Returns:
        An augmentation from float images (B, C, H, W) to (B, C, `size`, `size`).

    Raises:
        ValueError: The crop is larger than the padded image, or the image is too small for the padding mode.
    """
    height, width = (size, size) if size else (info.height, info.width)
    least = {"reflect": padding + 1, "circular": padding}.get(padding_mode, 1)
    if min(info.height, info.width) < least:
        raise ValueError(
            f"padding {padding} with padding_mode '{padding_mode}' needs images of at least {least}x{least} pixels; "
            f"these are {info.height}x{info.width}"
        )
    if height > info.height + 2 * padding or width > info.width + 2 * padding:
        raise ValueError(
            f"size: a crop of {height}x{width} is larger than the images, which are {info.height}x{info.width} "
            f"with padding {padding} on each side"
        )
    return RandomCrop((height, width), padding, padding_mode)


class RandomCrop(FollowsDevice, GeometricAugmentationBase2D):
    """Pad each image by `padding` and crop it to `size` (height, width), with one gather for the whole batch.

    The random parameters are ``top`` and ``left``, int64 (B,): the corner of the crop in the padded image.
    """

    def __init__(self, size: tuple[int, int], padding: int, padding_mode: str) -> None:
        super().__init__(p=1.0)
        self.flags = {"size": size, "padding": padding, "padding_mode": padding_mode}

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Draw a corner for each image, uniform over all positions at which the crop is inside the padded image."""
        (height, width), padding = self.flags["size"], self.flags["padding"]
        rows, columns = (batch_shape[-2] + 2 * padding - height + 1, batch_shape[-1] + 2 * padding - width + 1)
        return draw_corners(batch_shape[0], rows, columns, self.device)

    def compute_transformation(self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any]) -> Tensor:
        """Return the translations from input to output pixel coordinates, (B, 3, 3)."""
        shift = flags["padding"] - torch.stack([params["left"], params["top"]], dim=1)
        matrices = torch.eye(3, device=input.device, dtype=input.dtype).repeat(len(input), 1, 1)
        matrices[:, :2, 2] = shift.to(input)
        return matrices

    def apply_transform(
        self, input: Tensor, params: dict[str, Tensor], flags: dict[str, Any], transform: Tensor | None = None
    ) -> Tensor:
        """Cut the crops, (B, C, H, W) -> (B, C, *size), in the input's memory format."""
        height, width = flags["size"]
        # It is faster to pad and gather contiguous memory and to restore channels_last afterwards.
        padded: Tensor = pad(input.contiguous(), [flags["padding"]] * 4, mode=flags["padding_mode"])
        rows, columns = window(params["top"].to(input.device), height), window(params["left"].to(input.device), width)
        pixels = (rows[:, :, None] * padded.shape[-1] + columns[:, None, :]).flatten(1)
        pixels = pixels[:, None].expand(-1, input.shape[1], -1)
        crops: Tensor = padded.flatten(2).gather(2, pixels).unflatten(2, (height, width))
        return crops.contiguous(memory_format=memory_format(input))

    def pixel_moves(self, shape: tuple[int, int, int, int], device: torch.device) -> tuple[Tensor, Tensor] | None:
        """Draw the crops of images of `shape` (B, C, H, W); return the source of each row and column.

        Returns None, and draws nothing, if the padding is a constant, which is no pixel of the image.
        """
        padding, mode = self.flags["padding"], self.flags["padding_mode"]
        if padding and mode == "constant":
            return None
        params = self.drawn(shape, device)
        starts, lengths = (params["top"], params["left"]), self.flags["size"]
        rows, columns = (
            _inside(window(start.to(device), length) - padding, side, mode)
            for start, length, side in zip(starts, lengths, shape[-2:], strict=True)
        )
        return rows, columns


def _inside(positions: Tensor, side: int, mode: str) -> Tensor:
    """Return the pixel, in [0, `side`), with which padding fills each position outside of the image."""
    match mode:
        case "reflect":
            positions = positions.abs()
            return torch.where(positions < side, positions, 2 * (side - 1) - positions)
        case "circular":
            return positions.remainder(side)
    return positions.clamp(0, side - 1)
