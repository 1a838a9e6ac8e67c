"""Rules about the result: chance, one class for everything, too few images, and choices by the same images."""

from __future__ import annotations

import math

from torch import Tensor

from ..engine.intervals import Share
from ..engine.multi_label import MultiLabelPredictions
from ..figures.finding import Finding
from ..formatting import counted, legible, percent, score_percent
from .evidence import Evidence
from .statistics import chance_agreement, ranks_above_chance

SURELY = 1.645
"""The z value from which a result is better than chance: 5 % of guesses are (one-sided normal quantile)."""

SURELY_WORSE = -3.0
"""The z value below which a result is worse than chance. It is an accusation, so one in 700 guesses is too many."""

EXCESS = 0.5
"""One class is predicted too often if it takes at least this share of the images of all other classes, too."""

WIDE = 0.10
"""The width of an interval, from which the result cannot separate recipes that differ by several points."""


def chance(of: Evidence) -> Finding | None:
    """Report that the predictions are no better than guesses, or worse; needs images with different labels."""
    if not _vary(of.predictions.labels):
        return None  # a perfect model and one that always predicts the class of all images agree equally
    if not of.one_class_each:
        return _labels_by_chance(of)
    mean, z = chance_agreement(of.predictions.labels, of.predictions.predicted)
    if SURELY_WORSE < z < SURELY or z <= SURELY_WORSE:
        guesses = score_percent(mean / of.correct.of)
        measured = (
            f"{score_percent(of.correct.value)} of the {of.images} are correct, and {guesses} would be by chance"
        )
        if z <= SURELY_WORSE:
            return Finding(
                "chance",
                "bad",
                f"The model is worse than chance: {measured}.",
                "Check whether labels or classes are swapped between the training and the other images.",
                "confusion",
                1.0,
            )
        return Finding(
            "chance",
            "bad",
            f"The model is not surely better than chance: {measured}.",
            "Look at the learning rate and the labels first; cvkit lr-find finds a rate.",
            "confusion",
            1.0,
        )
    return None


def _vary(labels: Tensor) -> bool:
    """Return whether two images have different labels; labels int64 (N,), or sets of labels (N, K)."""
    return bool((labels != labels[:1]).any())


def _labels_by_chance(of: Evidence) -> Finding | None:
    found = of.predictions
    if not isinstance(found, MultiLabelPredictions):
        return None
    if ranks_above_chance(found.logits, found.labels.bool()) >= SURELY:
        return None
    guess = float(found.labels.mean())
    return Finding(
        "chance",
        "bad",
        f"The model is not surely better than chance: its {of.score} is {score_percent(found.score)}, and guesses "
        f"would have about {percent(guess, 1)}.",
        "Look at the learning rate and the labels first; cvkit lr-find finds a rate.",
        "label_scores",
        1.0,
    )


def one_class(of: Evidence) -> Finding | None:
    """Report that one class is predicted for most images that do not have it."""
    if not of.one_class_each or len(of.classes) < 2:
        return None
    most = int(of.predicted_counts.argmax())
    true = int(of.true_counts[most]) / of.correct.of
    share = Share(int(of.predicted_counts[most]), of.correct.of)
    if share.low <= true + EXCESS * (1 - true):
        return None
    return Finding(
        "one_class",
        "bad",
        f"The model predicts {legible(of.classes[most])} for {percent(share.value)} of the {of.images}, and "
        f"{percent(true)} of them have this class.",
        "Lower the learning rate. If the classes have different sizes, weight them: loss cross_entropy with class "
        "weights, or the sampler balanced.",
        "confusion",
        share.value,
    )


def too_few_images(of: Evidence) -> Finding | None:
    """Report that the interval of the accuracy is wide."""
    share = of.correct
    if not of.one_class_each or share.high - share.low <= WIDE:
        return None
    return Finding(
        "too_few_images",
        "look",
        f"{counted(share.of, 'image')} {'measures' if share.of == 1 else 'measure'} the accuracy, so its 95 % "
        f"interval is {share.interval}: "
        f"another result on as many other images may differ by {100 * (share.high - share.low) / math.sqrt(2):.0f} "
        "points by chance.",
        "Evaluate on more images. cvkit compare finds smaller differences between runs on the same images.",
        "per_class_scores",
        share.high - share.low,
    )


def chosen_on_the_same(of: Evidence) -> Finding | None:
    """Report that something was chosen by the images that measure the result."""
    if not of.chosen_by:
        return None
    return Finding(
        "chosen_on_the_same",
        "look",
        f"The {of.images} measure the result, and {of.chosen_by} was chosen by them: the result is too optimistic.",
        "Measure the result on images that nothing was chosen by: give the data set test images.",
        "curves",
        0.5,
    )
