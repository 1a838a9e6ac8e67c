"""ConvMixer (Trockman & Kolter 2022)."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from cvkit import DataInfo, ModelFactory


def convmixer(
    info: DataInfo,
    *,
    width: PositiveInt = 32,
    depth: PositiveInt = 4,
    kernel_size: Literal[3, 5, 7, 9] = 5,
    patch_size: PositiveInt = 2,
) -> nn.Module:
    """Build a ConvMixer of `depth` blocks of `width` channels, on patches of `patch_size` pixels a side.

    Raises `ValueError` where a patch is larger than the images.
    """
    if patch_size > min(info.height, info.width):
        raise ValueError(f"patches of {patch_size}x{patch_size} do not fit into images of {info.height}x{info.width}")
    return nn.Sequential(
        nn.Conv2d(info.channels, width, patch_size, stride=patch_size),
        *activation(width),
        *(layer for _ in range(depth) for layer in block(width, kernel_size)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, info.num_classes),
    )


def block(width: int, kernel_size: int) -> list[nn.Module]:
    """Mix places, channel by channel and beside a shortcut, and then channels, place by place."""
    places = nn.Conv2d(width, width, kernel_size, padding="same", groups=width)
    return [Residual(places, *activation(width)), nn.Conv2d(width, width, 1), *activation(width)]


def activation(width: int) -> list[nn.Module]:
    """Return GELU and batch norm, in the paper's order."""
    return [nn.GELU(), nn.BatchNorm2d(width)]


class Residual(nn.Module):
    """Layers and a shortcut around them."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Return the features plus what the layers make of them."""
        mixed: Tensor = self.layers(features)
        return features + mixed


_: ModelFactory = convmixer
