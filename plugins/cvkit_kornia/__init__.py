"""Kornia's augmentations: three fast ones of our own on its base classes, and every other as ``kornia/ClassName``."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_augmentations() -> Iterator[Component]:
    """Declare random_crop, horizontal_flip, cutout and the family of stock Kornia classes."""
    needs = ("kornia",)
    yield Component(
        "random_crop", "cvkit_kornia.crop:random_crop", "Pad, then crop each image at its own place", requires=needs
    )
    yield Component(
        "horizontal_flip", "cvkit_kornia.flip:horizontal_flip", "Mirror each image with probability p", requires=needs
    )
    yield Component(
        "cutout", "cvkit_kornia.cutout:cutout", "Fill a square in each image with the data set's mean", requires=needs
    )
    yield Component(
        "*",
        "cvkit_kornia.library_transform:library_transform",
        "Any geometric or intensity augmentation of Kornia, by its class name",
        members="cvkit_kornia.names:names",
        options_of="kornia.augmentation:{name}",
        requires=needs,
    )
