"""Galleries of the images that were fixed and broken, with maps of both models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..data.label_forms import SEPARATOR
from ..data.resizing import frame
from ..data.splits import DataInfo
from ..errors import DataError
from ..explain.explainers import Explainers
from ..figures.artifacts import Card, Gallery, LabelledPng
from ..figures.csv_export import without_apostrophe
from ..figures.map_legends import map_legends
from ..figures.thumbnails import overlay, pixelated, thumbnail
from ..formatting import counted, legible, percent
from .changed_images import ChangedImage
from .pair import Pair

Read = Callable[[int], Tensor]
"""Reads an image of the test split by its position in predictions.csv: uint8 (C, H, W) of any size."""


@dataclass(frozen=True)
class Mapped:
    """A model of one group whose maps are shown: its letter and its explainers."""

    letter: str
    explainers: Explainers


def galleries(
    pair: Pair, positions: Sequence[int], read: Read, info: DataInfo, count: int, mapped: Sequence[Mapped] = ()
) -> tuple[Gallery, ...]:
    """Return a gallery of fixed and one of broken images, each with up to `count`.

    Args:
        pair: The compared groups.
        positions: The position of each compared image in the predictions.csv of the first run.
        read: Reads an image.
        info: The input of the first group's model, in whose framing images are shown.
        count: The largest number of images in a gallery.
        mapped: The models whose maps of the true class are shown beside each image.

    Returns:
        The galleries that contain images.

    Raises:
        DataError: An image cannot be read.
    """
    made = (
        _gallery(name, images, pair, positions, read, info, count, mapped)
        for name, images in (("fixed", pair.images.fixed), ("broken", pair.images.broken))
    )
    return tuple(gallery for gallery in made if gallery.cards)


def _gallery(
    name: str,
    images: Sequence[ChangedImage],
    pair: Pair,
    positions: Sequence[int],
    read: Read,
    info: DataInfo,
    count: int,
    mapped: Sequence[Mapped],
) -> Gallery:
    shown = images[:count]
    raw = [read(positions[each.position]) for each in shown]
    framed = [frame(image, info) for image in raw]
    maps = [_maps(each, shown, raw, _several(pair)) for each in mapped]
    cards = []
    for number, each in enumerate(shown):
        pictures: list[LabelledPng] = [("image", thumbnail(framed[number]))]
        pictures += [picture for of_model in maps for picture in of_model[number]]
        cards.append(_card(each, pair, tuple(pictures)))
    correct, wrong = (pair.second, pair.first) if name == "fixed" else (pair.first, pair.second)
    caption = f"Predicted correctly by {correct.letter} and wrongly by {wrong.letter}"
    caption += f": {len(cards):,} of {counted(len(images), 'image')}. " if len(cards) < len(images) else ". "
    caption += f"The largest change of the probability of {'what is true' if _several(pair) else 'the true class'} "
    caption += "comes first; changed_images.csv lists all."
    if mapped:
        of = "a label that only one of the groups predicts" if _several(pair) else "the true class"
        caption += f" Maps show the evidence for {of}."
    methods = list(dict.fromkeys(method for of in mapped for method in of.explainers.working))
    signed = {method for of in mapped for method in of.explainers.signed}
    stacked = torch.stack(framed) if framed else torch.zeros(0, 1, 1, 1, dtype=torch.uint8)
    legends = map_legends(methods, signed)
    identifier = f"{name}_{pair.second.letter.replace(' ', '_')}"
    return Gallery(identifier, name.capitalize(), caption, tuple(cards), pixelated(stacked), legends=legends)


def _card(each: ChangedImage, pair: Pair, pictures: tuple[LabelledPng, ...]) -> Card:
    lines = [f"true: {_shown(each.true, pair)}"]
    groups = ((pair.first, each.first), (pair.second, each.second))
    for (group, predicted), correct, sure in zip(groups, each.correct, each.true_probability, strict=True):
        many = f", correct in {round(correct * len(group.runs))} of {len(group.runs)}" if len(group.runs) > 1 else ""
        lines.append(f"{group.letter}: {_shown(predicted, pair)}, true {percent(sure)}{many}")
    lines.append(legible(each.name))
    return Card(
        pictures,
        tuple(lines),
        labels={
            "true class": _shown(each.true, pair),
            f"predicted by {pair.second.letter}": _shown(each.second, pair),
        },
        values={"change": abs(each.true_probability[1] - each.true_probability[0])},
    )


def _shown(labels: str, pair: Pair) -> str:
    return legible(", ".join(labels.split(SEPARATOR))) or "no label" if _several(pair) else legible(labels)


def _several(pair: Pair) -> bool:
    return pair.first.runs[0].table.several


def _maps(
    mapped: Mapped, shown: Sequence[ChangedImage], raw: Sequence[Tensor], several: bool
) -> list[list[LabelledPng]]:
    """Return the maps of a model for each image."""
    if not shown:
        return []
    explainers = mapped.explainers
    info = explainers.trained.info
    images = torch.stack([frame(image, info) for image in raw])
    targets = torch.tensor([_target(each, info.classes, several) for each in shown])
    maps = explainers.explain(images, targets)
    return [
        [
            (f"{mapped.letter}: {name}", thumbnail(overlay(image, heat[number], name in explainers.signed)))
            for name, heat in maps.items()
        ]
        for number, image in enumerate(images)
    ]


def _target(each: ChangedImage, classes: Sequence[str], several: bool) -> int:
    """Return the class to explain: the true one; of sets, a label that only one of the groups predicts."""
    first, second, true = (set(labels.split(SEPARATOR)) for labels in (each.first, each.second, each.true))
    names = [without_apostrophe(name) for name in classes]
    wanted = [*sorted(first ^ second), *sorted(true | first)] if several else [each.true]
    found = [names.index(name) for name in wanted if name in names]
    if not found:
        raise DataError(f"the model has no class '{legible(each.true)}'")
    return found[0]
