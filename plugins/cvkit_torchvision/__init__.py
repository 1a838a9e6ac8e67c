"""Declare torchvision's models and random transforms, as ``torchvision/NAME``, and augmentations for photos."""

from __future__ import annotations

from collections.abc import Iterator

from cvkit import Component, hookimpl


@hookimpl
def cvkit_models() -> Iterator[Component]:
    """Declare the family of torchvision's classification models, and two of them with auxiliary classifiers."""
    for name, terms in (("googlenet_aux", {"aux1": 0.3, "aux2": 0.3}), ("inception_v3_aux", {"aux": 0.4})):
        yield Component(
            name,
            f"cvkit_torchvision.auxiliary:{name}",
            f"torchvision's {name.removesuffix('_aux')}, trained with its auxiliary classifiers",
            requires=("torchvision",),
            loss_terms=terms,
        )
    yield Component(
        "*",
        "cvkit_torchvision.model:torchvision_model",
        "Any torchvision classification model, adapted to the classes, channels and image size of the data set",
        members="cvkit_torchvision.names:models",
        requires=("torchvision",),
    )


@hookimpl
def cvkit_augmentations() -> Iterator[Component]:
    """Declare augmentations for photos, and torchvision's own by class name, all for single images in the loaders."""
    for name, place, summary in (
        ("random_resized_crop", "crops", "Crop a random part of a photo of any size and resize it to the input size"),
        ("resize_random_crop", "crops", "Resize a photo of any size, then crop it at random to the input size"),
        ("trivial_augment", "photo_transforms", "One random operation of random strength for each photo"),
        ("rand_augment", "photo_transforms", "Random operations of one strength for each photo"),
        ("aug_mix", "photo_transforms", "Average each photo with randomly changed copies"),
        ("color_jitter", "photo_transforms", "Random brightness, contrast, saturation and hue of each photo"),
        ("random_erasing", "photo_transforms", "Fill a random rectangle of a photo with the mean colour"),
    ):
        yield Component(
            name, f"cvkit_torchvision.{place}:{name}", summary, per_sample=True, requires=("torchvision",)
        )
    yield Component(
        "*",
        "cvkit_torchvision.library_transform:library_transform",
        "Any random v2 transform from torchvision that keeps the image shape, on single images",
        members="cvkit_torchvision.names:transforms",
        options_of="cvkit_torchvision.transforms:{name}",
        per_sample=True,
        requires=("torchvision",),
    )
