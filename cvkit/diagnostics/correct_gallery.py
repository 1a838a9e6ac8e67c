"""A gallery of random correctly classified images, so that a reader sees the errors in proportion."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from ..data.loading import materialize
from ..engine.multi_label import MultiLabelPredictions, label_names
from ..engine.per_sample import PerSample
from ..engine.predictions import Predictions
from ..engine.trainer import Trainer
from ..explain.explainers import Explainers
from ..figures.artifacts import Card, Gallery
from ..figures.map_legends import map_legends
from ..figures.thumbnails import SEEN, overlay, pixelated, thumbnail
from ..formatting import counted, legible, percent
from ..seeding import permutation
from .task_report import ImagesAt

SHOWN = 8
"""The number of correctly classified images in the gallery."""


def select_correct(predictions: Predictions, seed: int, n: int = SHOWN) -> Tensor:
    """Return the positions of up to `n` random correct images, int64: each class once before any class twice.

    Which ones depends on `seed` and the predictions. A class without correct images has none. Of label sets, each set
    counts as a class.
    """
    correct = predictions.correct.nonzero().flatten()
    mixed = correct[permutation(len(correct), "correct images", seed)]
    seen: dict[str, int] = {}
    turns = []
    for label in map(str, predictions.labels[mixed].tolist()):
        turns.append(seen.get(label, 0))
        seen[label] = turns[-1] + 1
    order = torch.tensor(turns, dtype=torch.int64).argsort(stable=True)
    return mixed[order[:n]]


def correct_gallery(
    trainer: Trainer, predictions: Predictions, explainers: Explainers, explained: Tensor
) -> list[Gallery]:
    """Return a gallery of random correct images, if there are any, and maps of the classes `explained` (N,)."""
    parts = trainer.parts
    indices = select_correct(predictions, parts.recipe.seed)
    if not len(indices):
        return []
    images = materialize(parts.splits.half(parts.splits.final), indices.tolist()).images
    maps = explainers.explain(images, explained[indices])
    return [correctly_classified(images, indices, predictions, parts.info.classes, maps, explainers.signed)]


def plain_correct_gallery(predictions: Predictions, classes: tuple[str, ...], images: ImagesAt) -> list[Gallery]:
    """Return a gallery of random correct images without maps, if there are any."""
    indices = select_correct(predictions, 0)
    if not len(indices):
        return []
    return [correctly_classified(images(indices.tolist()), indices, predictions, classes)]


def correctly_classified(
    images: Tensor,
    indices: Tensor,
    predictions: Predictions,
    classes: tuple[str, ...],
    maps: Mapping[str, Tensor] = MappingProxyType({}),
    signed: Collection[str] = (),
) -> Gallery:
    """Return a gallery of correctly classified images, with maps of their class, or of their most probable label.

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
    several = isinstance(predictions, MultiLabelPredictions)
    cards = [
        Card(
            (
                ("image", thumbnail(images[row], SEEN)),
                *(
                    (name, thumbnail(overlay(images[row], heats[row], name in signed)))
                    for name, heats in maps.items()
                ),
            ),
            (f"true and predicted: {_named(predictions, index, classes)}", predictions.name(index)),
        )
        for row, index in enumerate(indices.tolist())
    ]
    correct, total = int(predictions.correct.sum()), len(predictions.labels)
    what, of_what, which = (
        ("images with all labels right", "label sets", "most probable label")
        if several
        else ("correctly classified images", "classes", "class")
    )
    wrong = counted(total - correct, "wrong image" if several else "error")
    caption = (
        f"{len(cards):,} of {correct:,} {what}, chosen at random and not by confidence, from as "
        f"many {of_what} as possible, to see the errors in proportion: {wrong} on "
        f"{counted(total, f'{predictions.half} image')}."
    )
    if maps:
        caption += f" Beside each image, maps show the evidence for its {which}, by {', '.join(maps)}."
    title, sharp = what.capitalize(), pixelated(images)
    return Gallery("correct", title, caption, tuple(cards), sharp, legends=map_legends([*maps], signed))


def _named(predictions: Predictions, index: int, classes: tuple[str, ...]) -> str:
    """Return the class of an image with its probability, or all its labels."""
    if isinstance(predictions, MultiLabelPredictions):
        return ", ".join(map(legible, label_names(predictions.labels[index], classes))) or "no label"
    confidence = float(PerSample.of(predictions).confidence[index])
    return f"{legible(classes[predictions.labels[index]])} {percent(confidence)}"
