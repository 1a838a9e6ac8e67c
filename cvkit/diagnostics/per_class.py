"""One table of all classes: recall with its interval, precision, F1, what each is taken for, and its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..engine.intervals import Share
from ..engine.parts import RunParts
from ..engine.predictions import Predictions
from ..figures.artifacts import Bar, Sample, Table
from ..figures.thumbnails import thumbnail
from ..formatting import SCORE_DECIMALS, legible, percent
from .class_confusion import confusion_matrix

_UNDEFINED = "\N{EN DASH}"
_PICTURED = 60  # classes with a picture; a thousand would make the page heavy
_SIDE = 64  # pixels of a picture


@dataclass(frozen=True)
class ClassFacts:
    """What is known of classes besides the predictions.

    Attributes:
        trained: The number of training images of each class, or None if the data set does not report it.
        samples: A picture of each class as PNG, by the number of the class.
    """

    trained: Sequence[int] | None = None
    samples: Mapping[int, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: RunParts, predictions: Predictions) -> ClassFacts:
        """Return the facts of a run: its training images, and the first evaluated image of the worst classes."""
        split = parts.splits.half(parts.splits.final)
        labels = predictions.labels.tolist()
        samples = {}
        for label in ranked(predictions, len(parts.info.classes))[:_PICTURED]:
            if label in labels:
                samples[label] = thumbnail(split[labels.index(label)][0], _SIDE)
        return cls(_trained(parts), samples)


def ranked(predictions: Predictions, size: int) -> list[int]:
    """Return the classes in the order of the table: lowest F1 first, then by label; undefined ones come last."""
    order: list[int] = _scores(predictions, size)[:, 2].nan_to_num(2.0).argsort(stable=True).tolist()
    return order


def per_class_scores(predictions: Predictions, classes: tuple[str, ...], facts: ClassFacts | None = None) -> Table:
    """Return a table of all classes, lowest F1 first, then by label.

    F1 is the harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN). Precision is undefined without a
    prediction, recall without an image, and F1 without both. Means over classes ignore undefined values.
    """
    size, known = len(classes), facts or ClassFacts()
    counts = confusion_matrix(predictions, size)
    scores = _scores(predictions, size)
    wrong = counts.clone().fill_diagonal_(0)
    header = ["class", "recall", "95 % interval", "precision", "F1", "most often predicted instead"]
    header += [f"{predictions.half or 'all'} images", "predicted"]
    header += ["training images"] * (known.trained is not None) + ["sample"] * bool(known.samples)
    rows = []
    for label in ranked(predictions, size):
        recall = Share(int(counts[label, label]), int(counts[label].sum()))
        other = int(wrong[label].argmax())
        taken = f"{legible(classes[other])} ({int(wrong[label, other]):,})" if wrong[label, other] else _UNDEFINED
        row: list[str] = [
            legible(classes[label]),
            Bar(recall.text, recall.value, recall.low, recall.high) if recall.of else _UNDEFINED,
            recall.interval if recall.of else _UNDEFINED,
            *(_percent(score) for score in (scores[label, 0], scores[label, 2])),
            taken,
            f"{recall.of:,}",
            f"{int(counts[:, label].sum()):,}",
        ]
        if known.trained is not None:
            row.append(f"{known.trained[label]:,}")
        if known.samples:
            png = known.samples.get(label)
            row.append("" if png is None else Sample(f"an image of {legible(classes[label])}", png))
        rows.append(tuple(row))
    precision, recalls, f1 = (_percent(column, SCORE_DECIMALS) for column in scores.nanmean(dim=0))
    caption = (
        "Recall: the share of this class's images that were predicted as it; the line is its 95 % interval. "
        "Precision: the share of images predicted as this class that belong to it. F1: the harmonic mean of both. "
        f"The means over classes are: precision {precision}, recall {recalls}, F1 {f1}; each leaves out the classes "
        f"for which it is undefined ({_UNDEFINED}). The lowest F1 comes first."
    )
    return Table("per_class_scores", "Classes", caption, tuple(header), tuple(rows))


def _scores(predictions: Predictions, size: int) -> Tensor:
    """Return precision, recall and F1 of each class, float (K, 3); NaN where undefined."""
    images = torch.bincount(predictions.labels, minlength=size)
    named = torch.bincount(predictions.predicted, minlength=size)
    hits = torch.bincount(predictions.labels[predictions.correct], minlength=size)
    return torch.stack([hits / named, hits / images, 2 * hits / (named + images)], dim=1)  # 0 / 0 gives NaN


def _trained(parts: RunParts) -> list[int] | None:
    """Return the number of training images of each class without reading images; None if they are not known."""
    names, train = parts.info.classes, parts.splits.train
    account = parts.splits.account
    if account is not None and "train" in account.counts:
        return [account.counts["train"].get(name, 0) for name in names]
    labels = getattr(train, "labels", None)
    if not isinstance(labels, Tensor) or labels.ndim != 1:
        return None
    return torch.bincount(labels, minlength=len(names)).tolist()


def _percent(score: Tensor, decimals: int = 1) -> str:
    return _UNDEFINED if score.isnan() else percent(float(score), decimals)
