"""Galleries of the errors of each label: false positives and false negatives, with maps of the label."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import torch
from torch import Tensor

from ..engine.multi_label import MultiLabelPredictions, label_names
from ..figures.artifacts import Card, Gallery
from ..figures.map_legends import map_legends
from ..figures.thumbnails import SEEN, overlay, pixelated, thumbnail
from ..formatting import counted, legible, percent
from .black_maps import is_black
from .training_neighbours import TrainingNeighbours

Kind = Literal["false positives", "false negatives"]

_TEXTS: dict[Kind, tuple[str, str]] = {
    "false positives": ("Labels that are predicted and that the images do not have", "the highest probability first"),
    "false negatives": ("Labels that the images have and that are not predicted", "the lowest probability first"),
}


def worst(predictions: MultiLabelPredictions, kind: Kind, n: int) -> tuple[Tensor, Tensor]:
    """Return the images and labels, int64 (m,), of up to `n` errors of a kind, the most confident first.

    Of L labels that have errors, each gives up to n / L errors, rounded up. So if L is at most n, each is shown.
    """
    given, predicted = predictions.labels.bool(), predictions.predicted
    wrong = predicted & ~given if kind == "false positives" else given & ~predicted
    sure = predictions.probabilities if kind == "false positives" else 1 - predictions.probabilities
    chosen = sure.where(wrong, -1.0)
    having = wrong.any(dim=0).nonzero()[:, 0]
    if not len(having):
        return having, having
    chosen, found = chosen[:, having], []
    for _ in range(-(-n // len(having))):
        best = chosen.max(dim=0)  # of equal ones the first, unlike topk, so that the choice does not vary
        found.append(best)
        chosen = chosen.scatter(0, best.indices[None], -1.0)
    sure, rows = (torch.cat(each) for each in zip(*found, strict=True))
    order = sure.argsort(descending=True, stable=True)
    order = order[sure[order] >= 0][:n]
    return rows[order], having.repeat(len(found))[order]


def label_errors(
    images: Tensor,
    rows: Tensor,
    labels: Tensor,
    predictions: MultiLabelPredictions,
    classes: tuple[str, ...],
    maps: Mapping[str, Tensor],
    kind: Kind,
    layers: Mapping[str, str],
    signed: Collection[str] = (),
    training: TrainingNeighbours | None = None,
) -> Gallery:
    """Return a gallery of errors: images uint8 (m, C, H, W), their positions and their labels, int64 (m,).

    The maps of the explainers in `signed` are in [-1, 1]. `training` are the training images most similar to each.
    """
    black = {name: is_black(of_name, name in signed).tolist() for name, of_name in maps.items()}
    cards = []
    for number, (row, label) in enumerate(zip(rows.tolist(), labels.tolist(), strict=True)):
        image, chance = images[number], float(predictions.probabilities[row, label])
        heats = [
            (name + ", empty" * black[name][number], thumbnail(overlay(image, of_name[number], name in signed), SEEN))
            for name, of_name in maps.items()
        ]
        given, predicted = (
            ", ".join(map(legible, label_names(of[row], classes))) or "no label"
            for of in (predictions.labels, predictions.predicted)
        )
        lines = (
            f"{legible(classes[label])}: {percent(chance, 1)} (threshold {predictions.thresholds[label]:.3f})",
            f"true: {given}",
            f"predicted: {predicted}",
            legible(predictions.name(row)),
        )
        sure = chance if kind == "false positives" else 1 - chance
        cards.append(
            Card(
                (("image", thumbnail(image, SEEN)), *heats),
                lines,
                labels={"label": legible(classes[label])},
                values={"confidence": sure},
                also_related=() if training is None else training.pictures(number, classes),
            )
        )
    methods = [f"{name} at {layers[name]}" if name in layers else name for name in maps]
    return Gallery(
        kind.replace(" ", "_"),
        kind.capitalize(),
        _caption(predictions, kind, labels, methods)
        + _about_empty(black, signed)
        + ("" if training is None or not cards else training.caption),
        tuple(cards),
        pixelated(images) if len(images) else True,
        legends=map_legends([*maps], signed),
        also_related="most similar training images",
    )


def _caption(predictions: MultiLabelPredictions, kind: Kind, labels: Tensor, methods: list[str]) -> str:
    of_label = predictions.counts[1 if kind == "false positives" else 2]
    total, having, shown = int(of_label.sum()), int((of_label > 0).sum()), len(labels.unique())
    images = counted(len(predictions.labels), f"{predictions.half} image")
    if not total:
        return f"There are no {kind} on {images}."
    what, order = _TEXTS[kind]
    which = "each label that has errors is shown" if shown == having else f"{shown:,} of {having:,} labels are shown"
    caption = f"{what}: {len(labels):,} of {total:,} on {images}, {order}; {which}."
    if methods:
        caption += (
            f" Beside each image, maps show the evidence for the label, by {', '.join(methods)}. Bright regions "
            "matter most."
        )
    return caption


def _about_empty(black: Mapping[str, list[bool]], signed: Collection[str]) -> str:
    """Return what an empty map means, if there are some of maps without sign."""
    names = [name for name, of_name in black.items() if any(of_name) and name not in signed]
    if not names:
        return ""
    return (
        f" A map of {' or '.join(names)} is empty if no region raises the logit of the label, which is usual for "
        "labels with probabilities below 50 %. An explainer with signed maps, such as occlusion, also shows what "
        "lowers the logit."
    )
