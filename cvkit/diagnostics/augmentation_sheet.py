"""A gallery of augmented training images."""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.label_forms import LabelForm, SingleLabels, named
from ..figures.artifacts import Card, Gallery
from ..figures.thumbnails import pixelated, thumbnail
from ..formatting import legible


def augmented_samples(
    originals: Tensor,
    views: Tensor,
    labels: Tensor | None = None,
    classes: tuple[str, ...] = (),
    form: LabelForm | None = None,
) -> Gallery:
    """Return a gallery of training images beside their augmented versions.

    Args:
        originals: Images, uint8 (n, C, H, W).
        views: v augmented versions of each image, float (v, n, C, H', W') in [0, 1].
        labels: Labels of the images, written below them; None to omit them.
        classes: Names of the classes.
        form: The form of the labels; None if each image has one class.

    Returns:
        A gallery with one card per image.
    """
    drawn = (views.clamp(0, 1) * 255).round().to(torch.uint8)
    cards = []
    for row, original in enumerate(originals):
        pictures = [("original", thumbnail(original))]
        pictures += [(f"view {number}", thumbnail(view[row])) for number, view in enumerate(drawn, start=1)]
        lines = () if labels is None else (legible(named(labels[row], classes, form or SingleLabels())),)
        cards.append(Card(tuple(pictures), lines))
    caption = "Original training images and the augmented images that the model sees. Each step draws a new view."
    return Gallery("augmented", "Augmented training images", caption, tuple(cards), pixelated(originals))
