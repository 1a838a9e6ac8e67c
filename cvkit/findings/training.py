"""Rules about the course of training: overfitting, underfitting, too few epochs, and divergence."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, median

from ..figures.finding import Finding
from ..formatting import score_percent
from .evidence import Evidence
from .statistics import difference, standard_error

GAP = 0.10
"""Overfitting is mentioned if the accuracy on the training images is surely higher by this much.

Ordinary runs that nobody would call overfitted, such as CIFAR-10 with augmentation, have a gap of 2 to 7 points.
"""

LARGE_GAP = 0.25
"""From this gap, overfitting is the first thing to change: a quarter of the images is memorised, not recognised."""

RISE = 1.25
"""A loss has risen if it ends at this many times its lowest value; from epoch to epoch it varies by less."""

LEARNT = 0.5
"""A model underfits if, even of the training images, it recognises less than this share of what guessing leaves."""

GAIN = 0.01
"""The least gain of the last epochs that is worth more training; a recipe is rarely chosen by less."""

FALL = 0.02
"""The least fall from the best epoch to the last one that is mentioned."""

LARGE_FALL = 0.10
"""From this fall, the final weights should not be used."""

DIVERGED = 1.5
"""A loss has diverged if it ends at this many times its lowest value, and about where it began or above."""

_EPOCHS = 5  # the fewest whose trend means anything
_WINDOW = 0.2  # share of the epochs that a trend compares with as many before
_BLOCKS = 20  # the most blocks of steps, whose median losses are compared
_STEPS = 10  # the fewest steps of a block: the median of fewer losses follows single batches
_FAR = 5.0  # standard errors of a median: the lowest of 20 blocks is about 2 below the mean by luck alone
_TINY = 1e-3  # share of the first loss; below it, a loss is 0 and has no logarithm that means anything
_ERRORS = 2.0  # standard errors that a trend must exceed; those of the same images are smaller, so this is cautious
_MANY_ERRORS = 3.0  # the best epoch is the best of many, so its score is too high


def overfitting(of: Evidence) -> Finding | None:
    """Report that the training images are recognised much better than others, or that the loss on others rises."""
    if of.trained is not None:
        low, _ = difference(of.trained, of.correct)
        if low >= GAP:
            return Finding(
                "overfitting",
                "bad" if low >= LARGE_GAP else "look",
                f"The model overfits: it classifies {score_percent(of.trained.value)} of the training images "
                f"correctly, and {score_percent(of.correct.value)} of the {of.images}. The 95 % "
                f"interval of the difference begins at {100 * low:.0f} points.",
                "Use more training images, more augmentation, more weight decay, fewer epochs, a smaller model or "
                "pretrained weights.",
                "curves",
                low,
            )
    return _rising_loss(of)


def _rising_loss(of: Evidence) -> Finding | None:
    losses = [record.loss for record in of.records]
    if len(losses) < 2 * _EPOCHS:
        return None
    smooth = [median(losses[max(0, place - 1) : place + 2]) for place in range(len(losses))]
    lowest = smooth.index(min(smooth))
    best, last = of.records[lowest], of.records[-1]
    if of.kept_epoch and of.kept_epoch <= best.epoch + 1:
        return None
    rose = RISE * smooth[lowest] <= smooth[-1] < math.inf
    if not rose or lowest >= 0.75 * len(losses) or not last.train_loss < best.train_loss:  # or no number
        return None
    return Finding(
        "overfitting",
        "look",
        f"The loss on the {best.half} images was lowest after epoch {best.epoch} ({smooth[lowest]:.3f}) and rose to "
        f"{smooth[-1]:.3f}, while the training loss fell: the model overfits, or becomes too confident.",
        "Use stronger augmentation or weight decay, or keep the weights of the best epoch (selection.keep_best).",
        "curves",
        min(1.0, smooth[-1] / smooth[lowest] - 1),
    )


def underfitting(of: Evidence) -> Finding | None:
    """Report that even the training images are not recognised."""
    if of.trained is None or of.training_counts is None:
        return None
    guess = float(of.training_counts.max() / of.training_counts.sum())
    limit = guess + LEARNT * (1 - guess)
    if max(of.trained.high, of.correct.high) >= limit:
        return None
    return Finding(
        "underfitting",
        "look",
        f"The model underfits: only {score_percent(of.trained.value)} of the training images are recognised.",
        "Train longer, raise the learning rate, use a larger model or pretrained weights, or less augmentation and "
        "weight decay.",
        "curves",
        limit - of.trained.value,
    )


def still_improving(of: Evidence) -> Finding | None:
    """Report that the score still rose in the last epochs and can rise by `GAIN`; memorised images are no reason."""
    trend = _trend(of)
    if trend is None or of.stopped or of.kept_epoch:
        return None
    gain, error = trend
    known = of.trained is None or difference(of.trained, of.correct)[0] < GAP / 2
    last = of.records[-1]
    if gain <= max(GAIN, _ERRORS * error) or not known or 1 - last.score < GAIN:
        return None
    return Finding(
        "still_improving",
        "look",
        f"The {of.score} on the {last.half} images was still improving: its mean over the last {_epochs(of)} epochs "
        f"is {100 * gain:.1f} points above that of the {_epochs(of)} epochs before.",
        "Train longer: set train.epochs to twice as many, or continue with cvkit extend, which asks for a schedule.",
        "curves",
        gain,
    )


def converged(of: Evidence) -> Finding | None:
    """Report that the score surely changed by less than `GAIN` in the last epochs; few images cannot show that."""
    trend = _trend(of)
    if trend is None or abs(trend[0]) + trend[1] > GAIN:
        return None
    return Finding(
        "converged",
        "good",
        f"Training converged: the mean {of.score} of the last {_epochs(of)} epochs differs by "
        f"{100 * abs(trend[0]):.1f} points from that of the {_epochs(of)} epochs before.",
        where="curves",
    )


def _epochs(of: Evidence) -> int:
    return max(2, round(_WINDOW * len(of.records)))


def _trend(of: Evidence) -> tuple[float, float] | None:
    """Return the gain of the last epochs over as many before, and a standard error that is not too small."""
    window = _epochs(of)
    if len(of.records) < _EPOCHS or not of.watched_images:
        return None
    scores = [record.score for record in of.records]
    last = fmean(scores[-window:])
    return last - fmean(scores[-2 * window : -window]), standard_error(last, of.watched_images)


def score_fell(of: Evidence) -> Finding | None:
    """Report that the best epoch was long before the last one, and surely better."""
    if len(of.records) < _EPOCHS or of.kept_epoch or not of.watched_images:
        return None
    best, last = max(of.records, key=lambda record: record.score), of.records[-1]
    fall = best.score - last.score
    error = math.sqrt(2) * standard_error((best.score + last.score) / 2, of.watched_images)
    if fall < max(FALL, _MANY_ERRORS * error) or best.epoch > last.epoch - _epochs(of):
        return None
    return Finding(
        "score_fell",
        "bad" if fall >= LARGE_FALL else "look",
        f"The {of.score} on the {last.half} images was highest after epoch {best.epoch} "
        f"({score_percent(best.score)}), and {score_percent(last.score)} after the last epoch, {last.epoch}.",
        "Lower the learning rate, or keep the weights of the best epoch (selection.keep_best; it needs "
        "validation images, such as dataset.validation: 0.1).",
        "curves",
        fall,
    )


def diverged(of: Evidence) -> Finding | None:
    """Report that the training loss ended far above its lowest value, and by more than single steps vary."""
    losses = [loss for record in of.records for loss in record.step_losses]
    if len(losses) < 2 * _STEPS:
        return None
    size = max(_STEPS, len(losses) // _BLOCKS)
    blocks = [median(losses[start : start + size]) for start in range(0, len(losses) - size + 1, size)]
    lowest = blocks.index(min(blocks))
    first, last = blocks[0], median(losses[-size:])
    if first <= 0 or last < DIVERGED * blocks[lowest] or last < 0.9 * first:
        return None
    logs = [math.log(max(loss, _TINY * first)) for loss in losses]
    if math.log(last / max(blocks[lowest], _TINY * first)) < _FAR * _median_error(logs, size):
        return None
    step = of.records[0].step - len(of.records[0].step_losses) + lowest * size + 1
    then = f"{blocks[lowest]:.3g} around step {step:,}"
    return Finding(
        "diverged",
        "bad",
        f"Training diverged: the training loss was {then}, and {last:.3g} at the end.",
        "Lower the learning rate, let it rise more slowly, or set train.clip_norm.",
        "curves",
        1.0,
    )


def _median_error(values: list[float], size: int) -> float:
    """Return the standard error of the median of `size` values, by how much neighbours in a sequence differ.

    The median of the differences ignores a trend and single jumps. For a normal distribution, the standard deviation
    is 1.4826 times it over sqrt(2), and the standard error of a median is sqrt(pi / 2) of that of a mean.
    """
    deviation = 1.4826 * median(abs(after - before) for before, after in pairwise(values)) / math.sqrt(2)
    return math.sqrt(math.pi / 2) * deviation / math.sqrt(size)


def generalises(of: Evidence) -> Finding | None:
    """Report that the model recognises other images as well as those that it was trained on."""
    if of.trained is None or difference(of.trained, of.correct)[1] >= GAP:
        return None
    return Finding(
        "generalises",
        "good",
        f"The model generalises: {score_percent(of.trained.value)} of the training images are recognised, and "
        f"{score_percent(of.correct.value)} of the {of.images}.",
        where="curves",
    )
