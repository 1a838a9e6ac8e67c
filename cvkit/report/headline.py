"""The headline of a report: the score with its interval, the balanced accuracy, and the change since another run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ..engine.intervals import Share, between
from ..engine.paired import Disagreement
from ..engine.predictions import Predictions
from ..figures.page import Fact
from ..formatting import counted, rounded, score_percent
from ..recipe.changes import Change

UNEVEN = 1.5
"""From this ratio of the largest to the smallest class, the accuracy hides what happens to small classes."""


_FEWEST = 10  # images of a class whose recall has about a normal distribution


@dataclass(frozen=True)
class Earlier:
    """The result of an earlier run of the same name.

    Attributes:
        name: The name of its run folder.
        score: Its score, in [0, 1].
        pairs: On how many of the same images the two runs disagree; None if the images are not known to be the same.
        changes: What the recipe has changed since; None if it is not known.
    """

    name: str
    score: float
    pairs: Disagreement | None
    changes: tuple[Change, ...] | None = ()


def interval_note(predictions: Predictions) -> str:
    """Return the 95 % interval of the accuracy as a note; empty for scores that are no shares of images."""
    if predictions.labels.ndim != 1:
        return ""
    share = Share.where(predictions.correct)
    return f", 95 % interval {between(share.low, share.high)}"


def balanced(predictions: Predictions) -> Iterator[Fact]:
    """Yield the balanced accuracy if the classes have different numbers of images: the mean recall over classes.

    The interval is that of a mean of independent shares, with 1.96 standard errors on each side (normal
    approximation). It is left out if a class has fewer than 10 images, or all or none of its images are correct: the
    estimated variance of such a class is 0 or too small.
    """
    if predictions.labels.ndim != 1:
        return
    size = predictions.logits.shape[1]
    images = torch.bincount(predictions.labels, minlength=size)
    hits = torch.bincount(predictions.labels[predictions.correct], minlength=size)[images > 0].double()
    images = images[images > 0]
    if len(images) < 2 or images.max() < UNEVEN * images.min():
        return
    recalls = hits / images
    value = float(recalls.mean())
    sizes = f"{int(images.min()):,} to {counted(int(images.max()), 'image')}"
    note = f"mean recall over {counted(len(images), 'class')} of {sizes}"
    if int(images.min()) >= _FEWEST and bool(((hits > 0) & (hits < images)).all()):
        error = float((recalls * (1 - recalls) / (images - 1)).sum().sqrt()) / len(images)
        note += f", 95 % interval {between(max(0.0, value - 1.96 * error), min(1.0, value + 1.96 * error))}"
    yield Fact("Balanced accuracy", score_percent(value), note)


def change(predictions: Predictions, earlier: Earlier | None) -> Iterator[Fact]:
    """Yield the change since the earlier run, if there is one: on the same images with its interval and p-value."""
    if earlier is None:
        return
    points = f"{rounded(100 * (predictions.score - earlier.score), 2)} points"
    value = points if points.startswith("-") else f"+{points}"
    value = value.replace("-0.00 ", "+0.00 ")
    before = f"from {score_percent(earlier.score)} in {earlier.name}"
    if earlier.pairs is None:
        yield Fact("Change", value, f"{before}; the images are not known to be the same, so there is no test")
        return
    low, high = (rounded(100 * end, 2) for end in earlier.pairs.interval())
    same = f"on the same {counted(earlier.pairs.n, 'image')}"
    yield Fact(
        "Change", value, f"{before}; {same}: 95 % interval {low} to {high} points, p = {earlier.pairs.p_value:.2g}"
    )
