"""Declare torchvision's classification models and its random transforms of images, each as ``torchvision/NAME``."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Declare the family of torchvision's classification models."""
    yield Component(
        "*",
        "cvkit_torchvision.model:torchvision_model",
        "Any torchvision classification model, adapted to the classes, channels and image size of the data set",
        members="cvkit_torchvision.names:models",
        requires=("torchvision",),
    )


@hookimpl
def cvkit_augmentations() -> Iterator[Component]:
    """Declare the family of torchvision's random v2 transforms, which the data loaders call on single images."""
    yield Component(
        "*",
        "cvkit_torchvision.library_transform:library_transform",
        "Any random v2 transform from torchvision that keeps the image shape, on single images",
        members="cvkit_torchvision.names:transforms",
        options_of="cvkit_torchvision.transforms:{name}",
        per_sample=True,
        requires=("torchvision",),
    )
