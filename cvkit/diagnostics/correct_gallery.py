"""A gallery of random correctly classified images, so that a reader sees the errors in proportion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from ..engine.per_sample import PerSample
from ..engine.predictions import Predictions
from ..figures.artifacts import Card, Gallery
from ..figures.map_legends import map_legends
from ..figures.thumbnails import SEEN, overlay, pixelated, thumbnail
from ..formatting import counted, legible, percent
from ..seeding import permutation

SHOWN = 8
"""The number of correctly classified images in the gallery."""


def select_correct(predictions: Predictions, seed: int, n: int = SHOWN) -> Tensor:
    """Return the positions of up to `n` random correct images, int64: each class once before any class twice.

    Which ones depends on `seed` and the predictions. A class without correct images has none.
    """
    correct = predictions.correct.nonzero().flatten()
    mixed = correct[permutation(len(correct), "correct images", seed)]
    seen: dict[int, int] = {}
    turns = []
    for label in predictions.labels[mixed].tolist():
        turns.append(seen.get(label, 0))
        seen[label] = turns[-1] + 1
    order = torch.tensor(turns, dtype=torch.int64).argsort(stable=True)
    return mixed[order[:n]]


def correctly_classified(
    images: Tensor,
    indices: Tensor,
    predictions: Predictions,
    classes: tuple[str, ...],
    maps: Mapping[str, Tensor] = MappingProxyType({}),
    signed: Collection[str] = (),
) -> Gallery:
    """Return a gallery of correctly classified images, with maps of their class.

    Args:
        images: The images, uint8 (n, C, H, W).
        indices: Their positions in the split, int64 (n,).
        predictions: The predictions on the split.
        classes: Names of the classes.
        maps: By name of the explainer, maps for the class, float (n, H, W) in [0, 1], or in [-1, 1] if the explainer
            is `signed`.
        signed: The names of the explainers whose maps are signed.

    Returns:
        A gallery with one card per image.
    """
    measured = PerSample.of(predictions)
    cards = [
        Card(
            (
                ("image", thumbnail(images[row], SEEN)),
                *(
                    (name, thumbnail(overlay(images[row], heats[row], name in signed)))
                    for name, heats in maps.items()
                ),
            ),
            (
                f"true and predicted: {legible(classes[predictions.labels[index]])} "
                f"{percent(float(measured.confidence[index]))}",
                predictions.name(index),
            ),
        )
        for row, index in enumerate(indices.tolist())
    ]
    correct, total = int(predictions.correct.sum()), len(predictions.labels)
    caption = (
        f"{len(cards):,} of {correct:,} correctly classified images, chosen at random and not by confidence, from as "
        f"many classes as possible, to see the errors in proportion: {counted(total - correct, 'error')} on "
        f"{counted(total, f'{predictions.half} image')}."
    )
    if maps:
        caption += f" Beside each image, maps show the evidence for its class, by {', '.join(maps)}."
    title, sharp = "Correctly classified images", pixelated(images)
    return Gallery("correct", title, caption, tuple(cards), sharp, legends=map_legends([*maps], signed))
