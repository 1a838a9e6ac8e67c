"""Rules about single classes: pairs that are confused, classes with few images, and classes that are never found."""

from __future__ import annotations

import torch
from torch import Tensor

from ..audit.audit import FEW
from ..diagnostics.class_confusion import confusion_matrix
from ..engine.intervals import LEVEL, Share, lower_bounds, upper_bounds
from ..engine.multi_label import MultiLabelPredictions
from ..figures.finding import Finding
from ..formatting import counted, legible, percent
from .evidence import Evidence

PAIR = 0.25
"""A pair of classes is mentioned if it surely makes this share of all errors."""

LOST = 0.10
"""A class is lost if at most this share of its images is recognised."""

RELATIVE = 0.5
"""And if its recall is surely below this share of the accuracy: if all classes are bad, that is another finding."""

EVEN = 0.10
"""Classes are even if none is recognised by more than this below the mean."""

_ERRORS = 10  # the fewest errors whose division among pairs is looked at
_IMAGES = 5  # the fewest images of a class whose recall is looked at
_PAIRS = 3  # a pair must have three times its share if errors were divided evenly
_NAMED = 3


def confused_pair(of: Evidence) -> Finding | None:
    """Report the pair of classes that makes a large part of all errors."""
    size = len(of.classes)
    if not of.one_class_each or size < 3:
        return None
    counts = confusion_matrix(of.predictions, size)
    both = (counts + counts.T).triu(1)
    total, pairs = int(both.sum()), size * (size - 1) // 2
    if total < _ERRORS:
        return None
    first, second = divmod(int(both.argmax()), size)
    errors = int(both[first, second])
    # The largest of many pairs: the bound is corrected for their number, after Bonferroni.
    low = float(lower_bounds(errors, total, (1 - LEVEL) / pairs))
    if low < max(PAIR, min(0.9, _PAIRS / pairs)):
        return None
    one, other = (legible(of.classes[label], 40) for label in (first, second))
    return Finding(
        "confused_pair",
        "look",
        f"{percent(errors / total)} of all errors ({errors:,} of {total:,}) are between {one} and {other}.",
        "Look at these errors: correct wrong labels, add images that show the difference, or merge the classes if "
        "people cannot tell them apart.",
        "confused_pairs",
        errors / of.correct.of,
    )


def few_training_images(of: Evidence) -> Finding | None:
    """Report the classes with few training images."""
    if of.training_counts is None:
        return None
    few = (of.training_counts < FEW).nonzero().flatten()
    if not len(few):
        return None
    order = few[of.training_counts[few].argsort(stable=True)].tolist()
    named = ", ".join(f"{legible(of.classes[label], 40)} ({of.training_counts[label]:,})" for label in order[:_NAMED])
    more = f" and {len(order) - _NAMED:,} more" if len(order) > _NAMED else ""
    return Finding(
        "few_training_images",
        "look",
        f"{counted(len(order), 'class')} {'has' if len(order) == 1 else 'have'} fewer than {FEW} training images: "
        f"{named}{more}.",
        "Collect more images of these classes, and start from pretrained weights.",
        "Data",
        len(order) / len(of.classes) * 0.5,
    )


def lost_class(of: Evidence) -> Finding | None:
    """Report the classes, or labels of sets, that are hardly ever recognised."""
    hits, images, usual = _recalls(of)
    lost = [
        label
        for label in range(len(of.classes))
        if images[label] >= _IMAGES
        and hits[label] <= LOST * images[label]
        # As many classes are looked at as there are, so the bound is corrected for their number.
        and float(upper_bounds(int(hits[label]), int(images[label]), (1 - LEVEL) / len(of.classes)))
        < max(RELATIVE * usual, LOST)
    ]
    if not lost:
        return None
    lost.sort(key=lambda label: (float(hits[label] / images[label]), label))
    named = ", ".join(
        f"{legible(of.classes[label], 40)} ({int(hits[label]):,} of {int(images[label]):,})"
        for label in lost[:_NAMED]
    )
    more = f" and {len(lost) - _NAMED:,} more" if len(lost) > _NAMED else ""
    return Finding(
        "lost_class",
        "bad",
        f"The model hardly ever recognises {named}{more}.",
        "Look at the labels and at the number of training images of these classes, or give them more weight.",
        "per_class_scores" if of.one_class_each else "label_scores",
        float(images[torch.tensor(lost)].sum() / images.sum()),
    )


def even_classes(of: Evidence) -> Finding | None:
    """Report that no class is much worse than the others."""
    if not of.one_class_each or len(of.classes) < 2 or int(of.true_counts.min()) < _IMAGES:
        return None
    recalls = of.hits / of.true_counts
    lowest = int(recalls.argmin())
    if float(recalls.mean() - recalls[lowest]) > EVEN or of.correct.value < RELATIVE:
        return None
    share = Share(int(of.hits[lowest]), int(of.true_counts[lowest]))
    name = legible(of.classes[lowest], 40)
    return Finding(
        "even_classes",
        "good",
        f"No class is much worse than the others: the lowest recall is {share.text} ({name}).",
        where="per_class_scores",
    )


def _recalls(of: Evidence) -> tuple[Tensor, Tensor, float]:
    """Return the recognised images and the images of each class (K,), and the recall of all of them together."""
    if isinstance(of.predictions, MultiLabelPredictions):
        hits, _, missed = of.predictions.counts
        images = hits + missed
        return hits, images, float(hits.sum() / images.sum().clamp(min=1))
    return of.hits, of.true_counts, of.correct.value
