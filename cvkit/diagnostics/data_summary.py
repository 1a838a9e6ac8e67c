"""What a run was trained on: the images of each class and split, and a sample of each class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.figure import Figure as Canvas
from torch import Tensor

from ..data.labels import labels_of
from ..data.resizing import framed
from ..data.splits import Split, Splits
from ..figures.artifacts import Artifact, Card, Figure, Gallery, Table
from ..figures.style import BLUE, MUTED, render_figure
from ..figures.thumbnails import pixelated, thumbnail
from ..formatting import counted, legible

SHOWN = 40
"""The maximum number of classes in the figure and in the gallery; more need a screen of their own."""


def class_counts(splits: Splits) -> dict[str, Tensor]:
    """Return the images of each class, int64 (K,), by split, without splits whose images must be read for it."""
    form, size = splits.info.labels, splits.info.num_classes
    every: Mapping[str, Split] = {"training": splits.train} | {half: splits.half(half) for half in splits.halves}
    return {
        name: form.counts(labels_of(split, form), size)
        for name, split in every.items()
        if form.declared(getattr(split, "labels", None), len(split)) is not None
    }


def data_summary(splits: Splits) -> Iterator[Artifact]:
    """Yield a table and a figure of the images of each class, and a sample of each class, if labels are at hand."""
    counts = class_counts(splits)
    if "training" not in counts:
        return
    if splits.account is None:  # else the section has a table with what was left out
        yield _table(splits, counts)
    yield class_balance(counts["training"], splits.info.classes)
    yield class_samples(splits)


def _table(splits: Splits, counts: Mapping[str, Tensor]) -> Table:
    rows = tuple(
        (legible(name), *(f"{int(of[label]):,}" for of in counts.values()))
        for label, name in enumerate(splits.info.classes)
    )
    return Table("data", "Images", "The images of each class and split.", ("class", *counts), rows)


def class_balance(counts: Tensor, classes: tuple[str, ...]) -> Figure:
    """Return a bar chart of the training images of each class, int64 (K,), the most first.

    With more than 40 classes, the 20 largest and the 20 smallest are shown.
    """
    order: list[int | None] = [*counts.argsort(descending=True, stable=True).tolist()]
    if len(order) > SHOWN:
        order = [*order[: SHOWN // 2], None, *order[-SHOWN // 2 :]]

    def paint(canvas: Canvas) -> None:
        axes = canvas.subplots()
        for row, label in enumerate(order):
            if label is not None:
                axes.barh(row, int(counts[label]), color=BLUE, height=0.72)
                place, offset = (int(counts[label]), row), (4, 0)
                axes.annotate(
                    f"{int(counts[label]):,}",
                    place,
                    offset,
                    textcoords="offset points",
                    va="center",
                    color=MUTED,
                    size=8,
                )
        names = ["···" if label is None else legible(classes[label], 20) for label in order]
        axes.set_yticks(range(len(order)), names, parse_math=False)
        axes.set(ylim=(len(order) - 0.5, -0.5), xlim=(0, 1.12 * max(1, int(counts.max()))))
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")

    most, least = int(counts.max()), int(counts.min())
    caption = f"Training images by class: from {least:,} to {counted(most, 'image')}"
    caption += f", a ratio of {most / least:.1f}." if least else "; at least one class has none."
    if None in order:
        half = SHOWN // 2
        caption += f" Shown are the {half} largest and the {half} smallest of {counted(len(counts), 'class')}."
    return render_figure("class_balance", "Class balance", caption, paint, height=0.7 + 0.22 * max(len(order), 4))


def first_images(labels: Tensor) -> dict[int, int]:
    """Return the place of the first image of each class that has one; `labels` is int64 (N,), or label sets (N, K).

    The memory does not depend on the number of classes, except that of label sets: a one-hot matrix of a large split
    would take many gigabytes.
    """
    if labels.ndim == 2:
        has = labels.cpu().numpy() > 0
        return {int(label): int(has[:, label].argmax()) for label in np.flatnonzero(has.any(axis=0))}
    classes, places = np.unique(labels.cpu().numpy(), return_index=True)
    return dict(zip(classes.tolist(), places.tolist(), strict=True))


def class_samples(splits: Splits) -> Gallery:
    """Return a gallery with the first training image of each class, as the model sees it without augmentation."""
    info, form = splits.info, splits.info.labels
    images = framed(splits.train, info)
    cards, sharp = [], True
    for label, place in [*first_images(labels_of(splits.train, form)).items()][:SHOWN]:
        image = images[place][0]
        sharp &= pixelated(image[None])
        cards.append(Card((("image", thumbnail(image)),), (legible(info.classes[label], 40),)))
    caption = "The first training image of each class, framed as for the model, without augmentation."
    if info.num_classes > len(cards):
        caption += f" Shown are {len(cards):,} of {counted(info.num_classes, 'class')}."
    return Gallery("class_samples", "A sample of each class", caption, tuple(cards), sharp)
