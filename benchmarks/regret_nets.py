"""A local plugin with a plain network without normalisation for benchmarks/regret.py."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from cvkit import Component, DataInfo, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Declare plain_conv."""
    yield Component("plain_conv", "regret_nets:plain_conv", summary="Five convolutions without normalisation")


def plain_conv(info: DataInfo, *, width: int = 16) -> nn.Module:
    """Return five 3x3 convolutions with ReLU, three max poolings between them, and a linear layer.

    The weights are initialised from the normal distribution of He et al. 2015. Without it, a network without
    normalisation hardly trains.

    Args:
        info: Channels and classes of the data set.
        width: Channels of the first convolution.
    """
    widths = [info.channels, width, 2 * width, 4 * width, 4 * width, 4 * width]
    layers: list[nn.Module] = []
    for place, (before, after) in enumerate(pairwise(widths)):
        layers += [nn.Conv2d(before, after, kernel_size=3, padding=1), nn.ReLU(inplace=True)]
        if place in (0, 1, 3):
            layers.append(nn.MaxPool2d(2))
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], info.num_classes))
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # it has one
    return network
