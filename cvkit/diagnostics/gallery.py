"""Galleries: the most confident errors with what the model looked at, and training images as augmented."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..engine.metrics import Predictions
from .artifacts import Card, Gallery
from .pictures import is_enlarged, overlay, thumbnail
from .style import legible, percent


def select_errors(predictions: Predictions, n: int) -> Tensor:
    """Return the indices of the at most `n` most confident errors, int64, most confident first, then in order."""
    errors = (~predictions.correct).nonzero().flatten()
    confidence = predictions.probabilities[errors].amax(dim=1)
    return errors[confidence.argsort(descending=True, stable=True)[:n]]


def misclassified(
    images: Tensor,
    indices: Tensor,
    predictions: Predictions,
    classes: tuple[str, ...],
    maps: Mapping[str, tuple[Tensor, Tensor]],
) -> Gallery:
    """Show errors, each beside explanations of the predicted and of the true class.

    `images`: uint8 (n, C, H, W), the samples at `indices` of the predicted split, in that order. `maps`: for each
    explainer's name, its maps for the predicted and for the true classes, float (n, H, W) in [0, 1].
    """
    cards = []
    for row, index in enumerate(indices.tolist()):
        image = images[row]
        pictures = [("image", thumbnail(image))]
        for name, (for_predicted, for_true) in maps.items():
            prefix = f"{name}: " if len(maps) > 1 else ""
            pictures.append((f"{prefix}predicted", thumbnail(overlay(image, for_predicted[row]))))
            pictures.append((f"{prefix}true", thumbnail(overlay(image, for_true[row]))))
        lines = []
        for what, label in (("true", predictions.labels[index]), ("predicted", predictions.predicted[index])):
            chance = float(predictions.probabilities[index, label])
            lines.append(f"{what}: {legible(classes[label])} {percent(chance)}")
        cards.append(Card(tuple(pictures), (*lines, f"test image {index:,}")))
    return Gallery(
        "misclassified", "Misclassified images", _caption(predictions, cards, maps), tuple(cards), _pixelated(images)
    )


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
    return Gallery("augmented", "Augmented training images", caption, tuple(cards), _pixelated(originals))


def _caption(predictions: Predictions, cards: list[Card], maps: Mapping[str, object]) -> str:
    errors = int((~predictions.correct).sum())
    if not errors:
        return f"None: all {len(predictions.labels):,} test images were classified correctly."
    caption = f"The {len(cards):,} most confident of {errors:,} errors on {len(predictions.labels):,} test images."
    if maps:
        caption += (
            " Beside each image, what speaks for the predicted class and what for the true one, "
            f"by {' and '.join(maps)}: bright where it matters most."
        )
    return caption


def _pixelated(images: Tensor) -> bool:
    return bool(len(images)) and is_enlarged(*images.shape[-2:])
