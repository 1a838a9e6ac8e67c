"""torchvision's classification models and its transforms of single images, each as ``torchvision/NAME``."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Declare the family of torchvision's classification models."""
    yield Component(
        "*",
        "cvkit_torchvision.model:torchvision_model",
        "Any classification model of torchvision, fitted to the data set's classes, channels and image size",
        members="cvkit_torchvision.names:models",
        requires=("torchvision",),
    )


@hookimpl
def cvkit_augmentations() -> Iterator[Component]:
    """Declare the family of torchvision's random v2 transforms, each called on one image by the loading processes."""
    yield Component(
        "*",
        "cvkit_torchvision.library_transform:library_transform",
        "Any random v2 transform of torchvision that keeps an image's shape, on single images",
        members="cvkit_torchvision.names:transforms",
        options_of="cvkit_torchvision.transforms:{name}",
        per_sample=True,
        requires=("torchvision",),
    )
