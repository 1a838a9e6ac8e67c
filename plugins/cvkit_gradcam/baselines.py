"""Images without the evidence: what integrated gradients start from, and what occlusion covers patches with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from cvkit import DataInfo, RunError

Plain = Literal["mean", "black", "blur"]
Baseline = Literal["mean", "black", "blur", "training"]
"""``mean`` is the mean colour of the data set, ``black`` is 0 before normalisation, and ``blur`` is the blurred
image. ``training`` stands for images of the training set."""


def mean_colour(images: Tensor) -> Tensor:
    """Return images of the mean colour, which is 0 after normalisation."""
    return torch.zeros_like(images)


def blurred(images: Tensor) -> Tensor:
    """Return images (B, C, H, W) without detail: the standard deviation of the blur is an eighth of the shorter side.

    The kernel ends at three standard deviations, and the image is mirrored at its border.
    """
    sigma = min(images.shape[-2:]) / 8
    radius = int(3 * sigma + 0.5)
    smooth: Tensor = gaussian_blur(images, [2 * radius + 1] * 2, [sigma] * 2)
    return smooth


def baseline_of(name: Plain, info: DataInfo | None) -> Callable[[Tensor], Tensor]:
    """Return the function from images (B, C, H, W) to their baselines of the same shape.

    Raises `ValueError` if the baseline is black and `info`, with mean and standard deviation, is missing.
    """
    if name != "black":
        return mean_colour if name == "mean" else blurred
    if info is None:
        raise ValueError("the baseline 'black' needs the mean and the standard deviation of the data, as info")
    mean, std = (torch.tensor(values)[:, None, None] for values in (info.mean, info.std))

    def black(images: Tensor) -> Tensor:
        if images.shape[1] != len(mean):
            raise RunError(f"the images have {images.shape[1]} channels, and the data set has {len(mean)}")
        return (-mean / std).to(images).expand_as(images)

    return black
