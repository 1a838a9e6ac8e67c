"""The custom ResNet: a nine-layer residual network for small images."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Offer the network to recipes as `custom_resnet`."""
    yield Component(
        "custom_resnet",
        "cvkit_resnet.network:custom_resnet",
        summary="Nine-layer ResNet for 32x32 images, 6.6 M weights",
    )
