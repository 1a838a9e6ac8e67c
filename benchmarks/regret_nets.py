"""A plugin that is a file: the plain network without any normalisation that benchmarks/regret.py trains."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from cvkit import Component, DataInfo, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Offer the network as `plain_conv`."""
    yield Component("plain_conv", "regret_nets:plain_conv", summary="Five convolutions, no normalisation")


def plain_conv(info: DataInfo, *, width: int = 16) -> nn.Module:
    """Return five 3x3 convolutions with ReLU, three max pools between them, and a linear layer.

    Weights are He et al. 2015's normal ones, without which a network with no normalisation hardly starts.
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
