"""Random crop of a padded batch, each image at its own place."""

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
    """Pad every image by `padding` pixels on each side and cut out `size` x `size`, uniformly placed.

    Without `size` the crop is as large as the data set's images. ``constant`` pads with 0. Raises `ValueError`
    where the crop is larger than the padded image, or the image too small to be padded so.
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
            f"a crop of {height}x{width} is larger than the images, {info.height}x{info.width}, "
            f"with padding {padding} on each side"
        )
    return RandomCrop((height, width), padding, padding_mode)


class RandomCrop(FollowsDevice, GeometricAugmentationBase2D):
    """Crop `size` (height, width) out of each image padded by `padding`; one gather for the whole batch.

    Parameters: ``top`` and ``left``, int64 (B,), the crop's corner in the padded image.
    """

    def __init__(self, size: tuple[int, int], padding: int, padding_mode: str) -> None:
        super().__init__(p=1.0)
        self.flags = {"size": size, "padding": padding, "padding_mode": padding_mode}

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        """Draw a corner for each image, uniform over every place where the crop lies inside the padded image."""
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
        # Padding and gathering contiguously, then restoring channels_last, is faster than either in channels_last.
        padded: Tensor = pad(input.contiguous(), [flags["padding"]] * 4, mode=flags["padding_mode"])
        rows, columns = window(params["top"].to(input.device), height), window(params["left"].to(input.device), width)
        pixels = (rows[:, :, None] * padded.shape[-1] + columns[:, None, :]).flatten(1)
        pixels = pixels[:, None].expand(-1, input.shape[1], -1)
        crops: Tensor = padded.flatten(2).gather(2, pixels).unflatten(2, (height, width))
        return crops.contiguous(memory_format=memory_format(input))
