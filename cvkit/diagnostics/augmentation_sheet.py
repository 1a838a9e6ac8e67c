"""A gallery of training images as augmented."""

from __future__ import annotations

import torch
from torch import Tensor

from ..figures.artifacts import Card, Gallery
from ..figures.thumbnails import pixelated, thumbnail
from ..formatting import legible


def augmented_samples(
    originals: Tensor, views: Tensor, labels: Tensor | None = None, classes: tuple[str, ...] = ()
) -> Gallery:
    """Show training images beside what augmentation makes of them.

    `originals`: uint8 (n, C, H, W). `views`: float (v, n, C, H', W') in [0, 1], v augmented versions of each.
    `labels`: int64 (n,), named under the images by `classes` where given.
    """
    drawn = (views.clamp(0, 1) * 255).round().to(torch.uint8)
    cards = []
    for row, original in enumerate(originals):
        pictures = [("original", thumbnail(original))]
        pictures += [(f"view {number}", thumbnail(view[row])) for number, view in enumerate(drawn, start=1)]
        lines = () if labels is None else (legible(classes[int(labels[row])]),)
        cards.append(Card(tuple(pictures), lines))
    caption = "Training images as they are, and as the model sees them: each view is drawn anew at every step."
    return Gallery("augmented", "Augmented training images", caption, tuple(cards), pixelated(originals))
