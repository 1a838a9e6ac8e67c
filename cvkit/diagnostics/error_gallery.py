"""A gallery of misclassified images, with explanations and the most similar correctly classified images."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from torch import Tensor

from ..engine.per_sample import PerSample
from ..engine.predictions import Predictions
from ..figures.artifacts import Card, Gallery, LabelledPng
from ..figures.map_legends import map_legends
from ..figures.thumbnails import SEEN, SIDE, SMALL, overlay, pixelated, thumbnail
from ..formatting import counted, legible, percent
from ..recipe.settings import Rank
from .neighbours import Neighbours
from .training_neighbours import TrainingNeighbours

_RANKED = {
    "confidence": "The {shown:,} most confident of {errors}",
    "loss": "Errors with the highest loss: {shown:,} of {errors}",
    "margin": "Errors with the largest margin: {shown:,} of {errors}",
}
_LARGE_MAPS = 2  # methods; the maps of more are smaller, so that a page stays below 4 MB


def misclassified(
    images: Tensor,
    indices: Tensor,
    predictions: Predictions,
    classes: tuple[str, ...],
    maps: Mapping[str, tuple[Tensor, Tensor]],
    rank: Rank = "confidence",
    similar: tuple[Neighbours, Tensor] | None = None,
    layers: Mapping[str, str] = MappingProxyType({}),
    signed: Collection[str] = (),
    searched: bool = True,
    training: TrainingNeighbours | None = None,
) -> Gallery:
    """Return a gallery of errors, with explanations of the predicted and the true class and with similar images.

    Args:
        images: The misclassified images, uint8 (n, C, H, W).
        indices: Their positions in the split, int64 (n,), in the order of `rank`.
        predictions: The predictions on the split.
        classes: Names of the classes.
        maps: By name of the explainer, maps for the predicted and the true classes, float (n, H, W) in [0, 1], or in
            [-1, 1] if the explainer is `signed`.
        rank: The measure that orders the errors.
        similar: Correctly classified neighbours of each image, and their images, uint8 (n, k, C, H, W).
        layers: By name of the explainer, the layer that it explains, if it reports one.
        signed: The names of the explainers whose maps are signed.
        searched: Whether similar images were searched for.
        training: The training images that are most similar to each image.

    Returns:
        A gallery with one card per error.
    """
    measured = PerSample.of(predictions)
    orders = {name: values.tolist() for name, values in measured.ranking_scores().items()}
    orders = {rank: orders.pop(rank), **orders}  # the current order of the cards comes first
    cards = []
    for row, index in enumerate(indices.tolist()):
        true, guess = (legible(classes[of[index]]) for of in (predictions.labels, predictions.predicted))
        lines = (
            f"true: {true} {percent(float(measured.of_true[index]))}",
            f"predicted: {guess} {percent(float(measured.confidence[index]))}",
            f"{predictions.name(index)}, loss {measured.loss[index]:.2f}, margin {measured.margin[index]:.2f}",
        )
        cards.append(
            Card(
                _explained(images[row], {name: (of[0][row], of[1][row]) for name, of in maps.items()}, signed),
                lines,
                () if similar is None else _similar(*similar, row, predictions.labels, classes),
                {"true class": true, "predicted class": guess},
                {name: values[index] for name, values in orders.items()},
                tuple(maps),
                ("predicted", "true") if maps else (),
                also_related=() if training is None else training.pictures(row, classes),
            )
        )
    return Gallery(
        "misclassified",
        "Misclassified images",
        _caption(predictions, cards, [_at(name, layers) for name in maps], rank, searched, training),
        tuple(cards),
        pixelated(images),
        "most similar correctly classified images",
        legends=map_legends([*maps], signed),
        also_related="most similar training images",
    )


def _explained(
    image: Tensor, maps: Mapping[str, tuple[Tensor, Tensor]], signed: Collection[str]
) -> tuple[LabelledPng, ...]:
    pictures = [("image", thumbnail(image, SEEN))]
    side = SEEN if len(maps) <= _LARGE_MAPS else SIDE
    for name, heats in maps.items():
        prefix = f"{name}: " if len(maps) > 1 else ""
        pictures += [
            (f"{prefix}{what}", thumbnail(overlay(image, heat, name in signed), side))
            for what, heat in zip(("predicted", "true"), heats, strict=True)
        ]
    return tuple(pictures)


def _similar(
    found: Neighbours, images: Tensor, row: int, labels: Tensor, classes: tuple[str, ...]
) -> tuple[LabelledPng, ...]:
    return tuple(
        (f"{legible(classes[labels[index]], 20)} {similarity:.2f}", thumbnail(image, SMALL))
        for index, similarity, image in zip(
            found.indices[row].tolist(), found.similarities[row].tolist(), images[row], strict=True
        )
    )


def _at(name: str, layers: Mapping[str, str]) -> str:
    return f"{name} at {layers[name]}" if name in layers else name


def _caption(
    predictions: Predictions,
    cards: list[Card],
    methods: list[str],
    rank: Rank,
    searched: bool,
    training: TrainingNeighbours | None,
) -> str:
    errors, half = int((~predictions.correct).sum()), predictions.half
    if not errors:
        return f"There are no errors on {counted(len(predictions.labels), f'{half} image')}."
    shown = _RANKED[rank].format(shown=len(cards), errors=counted(errors, "error"))
    caption = f"{shown} on {counted(len(predictions.labels), f'{half} image')}."
    if methods:
        caption += (
            " Beside each image, maps show the evidence for the predicted and for the true class, "
            f"by {', '.join(methods)}. Bright regions matter most."
        )
    if any(card.related for card in cards):
        caption += (
            f" Below are the correctly classified {half} images with the most similar features, with their class "
            "and the cosine similarity. Features are the input of the last layer with weights."
        )
    elif searched and predictions.correct.any():
        caption += (
            " No similar images are shown, because the input of the model's last layer could not be determined."
        )
    if training is not None:
        caption += training.caption
    return caption + " Loss: cross-entropy in nats. Margin: true-class probability minus the highest other one."
