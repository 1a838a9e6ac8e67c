"""Rules about probabilities: over- and underconfidence, and labels that the model contradicts with confidence."""

from __future__ import annotations

from ..audit.label_doubts import label_doubts, set_doubts
from ..engine.calibration import Calibration
from ..engine.intervals import Share
from ..engine.multi_label import MultiLabelPredictions
from ..figures.finding import Finding
from ..formatting import counted, percent, score_percent
from .evidence import Evidence

EXCESS = 0.05
"""The mean confidence and the accuracy differ if they surely do by this much; less changes few decisions."""

LARGE_EXCESS = 0.15
"""From this difference, probabilities are not usable as such."""

CONTRADICTED = 0.01
"""A label counts as contradicted only if its probability is below this; a hard image usually has more."""

DOUBTS = 0.01
"""Contradicted labels are mentioned if this share of images has more of them than the probabilities expect.

Test sets of the field contain as many wrong labels: Northcutt et al. 2021, "Pervasive Label Errors in Test Sets",
arXiv:2103.14749, find 3.3 % on average.
"""

ACCURATE = 0.7
"""Only a model that is surely right this often can contradict a label."""


def confidence(of: Evidence) -> Finding | None:
    """Report that probabilities are too high or too low, or that they match the accuracy."""
    if not of.one_class_each:
        return None
    found = Calibration.of(of.predictions)
    low, high = found.excess_interval
    sure = percent(of.correct.value + found.excess, 1)
    both = f"mean confidence {sure}, accuracy {score_percent(of.correct.value)}"
    if low >= EXCESS:
        return Finding(
            "overconfidence",
            "bad" if low >= LARGE_EXCESS else "look",
            f"The model is overconfident by {100 * found.excess:.0f} points: {both}.",
            "Do not use its probabilities as they are. cvkit calibrate corrects them if the run has validation "
            "images.",
            "calibration",
            found.excess,
        )
    if high <= -EXCESS:
        return Finding(
            "underconfidence",
            "look",
            f"The model is underconfident by {-100 * found.excess:.0f} points: {both}.",
            "cvkit calibrate corrects the probabilities if the run has validation images. Label smoothing, mixed "
            "images and short training cause this.",
            "calibration",
            -found.excess,
        )
    if low > -EXCESS and high < EXCESS:
        return Finding(
            "calibrated", "good", f"On average, probabilities can be trusted: {both}.", where="calibration"
        )
    return None


def label_errors(of: Evidence) -> Finding | None:
    """Report labels that the model contradicts with confidence."""
    found = of.predictions
    if isinstance(found, MultiLabelPredictions):
        return _doubtful_sets(of, found)
    if of.correct.low < ACCURATE or Calibration.of(found).excess_interval[0] >= EXCESS:
        return None  # errors of such a model look the same
    doubts = label_doubts(found)
    chances = found.probabilities[doubts, found.labels[doubts]]
    low = found.probabilities.where(found.probabilities < CONTRADICTED, 0.0)
    return _doubtful(of, int((chances < CONTRADICTED).sum()), float(low.sum()))


def _doubtful_sets(of: Evidence, found: MultiLabelPredictions) -> Finding | None:
    if found.mean_f1("micro") < ACCURATE:
        return None
    rows, labels = set_doubts(found)
    chances, given = found.probabilities[rows, labels], found.labels[rows, labels].bool()
    contradicted = rows[chances.where(given, 1 - chances) < CONTRADICTED]
    other = found.probabilities.minimum(1 - found.probabilities)
    return _doubtful(of, len(contradicted.unique()), float(other.where(other < CONTRADICTED, 0.0).sum()))


def _doubtful(of: Evidence, number: int, expected: float) -> Finding | None:
    """Report `number` contradicted labels unless about as many are `expected`: images that the model finds hard."""
    share = Share(number, of.correct.of)
    if share.low < DOUBTS + expected / share.of:
        return None
    return Finding(
        "label_errors",
        "look",
        f"The model contradicts the labels of {counted(number, of.image)} ({share.text}) with "
        "confidence: the labels are wrong, or the images are unusual.",
        "Look at these images first, and correct the labels that are wrong.",
        f"doubts-{of.predictions.half}" if of.audit is not None else "Errors",
        share.value,
    )
