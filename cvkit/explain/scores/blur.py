"""Gaussian blur of batches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Return float images (N, C, H, W), blurred by a Gaussian with a standard deviation of `sigma` pixels.

    Edge pixels are repeated beyond the border. The kernel is truncated at 3 sigma and at the size of the image.
    """
    for _ in range(2):  # along the rows, and after the transpose along the columns
        radius = min(int(3 * sigma + 0.5), images.shape[3] - 1)
        bell = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=images.dtype) / sigma) ** 2)
        channels = pad(images.flatten(0, 1)[:, None], (radius, radius, 0, 0), mode="replicate")
        rows = conv2d(channels, (bell / bell.sum()).view(1, 1, 1, -1))
        images = rows[:, 0].unflatten(0, images.shape[:2]).transpose(2, 3)
    return images
