"""Augmentations: random changes of the training images, of a batch at once or image by image."""

from __future__ import annotations

from .kind import Kind, Template

AUGMENTATIONS = Kind(
    "augmentations",
    "augmentation",
    ("info",),
    "a callable on a batch (B, C, H, W) float in [0, 1], or on one image (C, H, W) uint8 where declared so",
    key="augmentations",
    many=True,
    methods=("__call__",),
    factory="cvkit.engine.factories:AugmentationFactory",
    products=(
        "cvkit.protocols:Augmentation",
        "cvkit.protocols:SampleAugmentation",
        "cvkit.protocols:MixingAugmentation",
    ),
    suite="cvkit.testing.augmentations:AugmentationSuite",
    template=Template("BrightnessContrast", "Random brightness and contrast"),
)
