"""Galleries of labels of sets that a trained model contradicts: those that are given, and those that are not."""

from __future__ import annotations

from ..audit.label_doubts import set_doubts
from ..data.splits import Split
from ..engine.multi_label import MultiLabelPredictions, label_names
from ..figures.artifacts import Gallery
from ..formatting import counted, legible, percent
from .label_doubts import SHOWN, Doubt, doubts_gallery


def doubtful_sets(split: Split, predictions: MultiLabelPredictions, classes: tuple[str, ...]) -> Gallery:
    """Return a gallery of the labels of images of `split` that `predictions` contradict with confidence."""
    rows, labels = set_doubts(predictions)
    found = []
    for row, label in zip(rows[:SHOWN].tolist(), labels[:SHOWN].tolist(), strict=True):
        chance = float(predictions.probabilities[row, label])
        given, name = bool(predictions.labels[row, label]), legible(classes[label])
        every = ", ".join(map(legible, label_names(predictions.labels[row], classes))) or "no label"
        lines = (
            f"{name}: {'may be wrong' if given else 'may be missing'}, probability {percent(chance, 1)}",
            f"labels: {every}",
        )
        filters = {"label": name, "it may be": "wrong" if given else "missing"}
        found.append(Doubt(row, lines, filters, 1 - chance if given else chance))
    missing, half = int((predictions.labels[rows, labels] == 0).sum()), predictions.half
    caption = (
        f"{counted(len(rows), 'label')} of {counted(len(predictions.labels), f'{half} image')}: {missing:,} that may "
        f"be missing, and {len(rows) - missing:,} that may be wrong; {len(found):,} are shown, those that the model "
        "contradicts with the highest probability first. The model was not trained on these images. It finds the "
        "opposite of what is given more probable, with at least its mean confidence on images for which the opposite "
        "is given. Correct the labels that are wrong; an error of the model looks the same."
    )
    return doubts_gallery(split, predictions, found, caption)
