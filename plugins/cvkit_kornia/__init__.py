"""Declare three fast augmentations built on Kornia's base classes, and Kornia's own as ``kornia/ClassName``."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_augmentations() -> Iterator[Component]:
    """Declare random_crop, horizontal_flip, cutout and the family of Kornia's own classes."""
    needs = ("kornia",)
    yield Component(
        "random_crop", "cvkit_kornia.crop:random_crop", "Pad each image, then crop it at random", requires=needs
    )
    yield Component(
        "horizontal_flip", "cvkit_kornia.flip:horizontal_flip", "Mirror each image with probability p", requires=needs
    )
    yield Component(
        "cutout", "cvkit_kornia.cutout:cutout", "Fill a random square with the mean of the data set", requires=needs
    )
    yield Component(
        "*",
        "cvkit_kornia.library_transform:library_transform",
        "Any geometric or intensity augmentation from Kornia, by class name",
        members="cvkit_kornia.names:names",
        options_of="kornia.augmentation:{name}",
        requires=needs,
    )
