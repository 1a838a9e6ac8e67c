"""Galleries of images whose label a trained model contradicts, on images that it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..audit.label_doubts import label_doubts
from ..data.splits import Split
from ..engine.per_sample import PerSample
from ..engine.predictions import Predictions
from ..engine.trainer import Trainer
from ..figures.artifacts import Card, Gallery
from ..figures.thumbnails import pixelated, thumbnail
from ..formatting import legible, percent

SHOWN = 12
"""The maximum number of doubtful labels in a gallery."""


Contradicted = Callable[[Split, Predictions, tuple[str, ...]], Gallery]
"""A function of a split, its predictions and the names of the classes: a gallery of doubtful labels."""


def doubts(trainer: Trainer, predictions: Predictions, of: Contradicted) -> Iterator[Gallery]:
    """Yield the gallery that `of` returns for each evaluated split that has doubtful labels."""
    splits, classes = trainer.parts.splits, trainer.parts.info.classes
    every = {splits.final: predictions}
    if splits.final == "test" and splits.validation is not None:
        every["validation"] = trainer.evaluator.predict("validation", model=trainer.trained().model)
    for half, predicted in every.items():
        gallery = of(splits.half(half), predicted, classes)
        if gallery.cards:
            yield gallery


def doubtful_labels(split: Split, predictions: Predictions, classes: tuple[str, ...]) -> Gallery:
    """Return a gallery of the images of `split` whose label `predictions` contradict with confidence."""
    doubts = label_doubts(predictions)
    measured = PerSample.of(predictions)
    shown = doubts[:SHOWN].tolist()
    found = []
    for index in shown:
        label, guess = (legible(classes[of[index]]) for of in (predictions.labels, predictions.predicted))
        lines = (
            f"label: {label} {percent(float(measured.of_true[index]))}",
            f"predicted: {guess} {percent(float(measured.confidence[index]))}",
        )
        labels = {"label": label, "predicted class": guess}
        found.append(Doubt(index, lines, labels, 1 - float(measured.of_true[index])))
    half = predictions.half
    caption = (
        f"{len(doubts):,} of {len(predictions.labels):,} {half} images; {len(shown):,} are shown, those whose label "
        "has the lowest probability first. The model was not trained on them, and predicts another class. Their "
        "number is estimated: an image counts if the model gives another class at least the probability that it "
        "gives on average to images of that class. Correct the labels that are wrong; an error of the model looks "
        "the same."
    )
    return doubts_gallery(split, predictions, found, caption)


@dataclass(frozen=True)
class Doubt:
    """A doubtful label: the image at `index`, what its card says and can be filtered by, and how doubtful it is."""

    index: int
    lines: tuple[str, ...]
    labels: Mapping[str, str]
    doubt: float


def doubts_gallery(split: Split, predictions: Predictions, found: Iterable[Doubt], caption: str) -> Gallery:
    """Return a gallery of doubtful labels of images of `split`."""
    cards, sharp, half = [], True, predictions.half
    for one in found:
        image = split[one.index][0]
        sharp &= pixelated(image[None])
        lines = (*one.lines, legible(predictions.name(one.index)))
        pictures = (("image", thumbnail(image)),)
        cards.append(Card(pictures, lines, labels=one.labels, values={"doubt": one.doubt}))
    return Gallery(f"doubts-{half}", f"Doubtful labels of {half} images", caption, tuple(cards), sharp)
