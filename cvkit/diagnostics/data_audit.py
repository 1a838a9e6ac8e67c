"""What is wrong with the images and labels of a run, for its report.

The checks of `cvkit audit` are made if there are few images. A trained model adds two: labels that it contradicts on
images that it was not trained on, and images that are similar in its features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ..audit.audit import Audit, audit
from ..audit.findings import findings
from ..audit.page import pair_galleries
from ..audit.tables import class_table, split_table
from ..data.label_forms import named
from ..data.loading import materialize
from ..data.repetitions import once, without_repetitions
from ..data.resizing import framed, unframed
from ..data.splits import Half, Split, Splits, TensorSplit
from ..engine.predictions import Predictions
from ..engine.trainer import Trainer
from ..figures.artifacts import Artifact, Card, Gallery, Table
from ..figures.thumbnails import pixelated, thumbnail
from ..formatting import counted, legible
from .features import Features
from .neighbours import AT_ONCE
from .task_report import task_report

_SOURCE = " (from cvkit audit RECIPE)"  # of CSV files that the run folder does not contain

SHOWN = 12
"""The maximum number of pairs in a gallery."""


@dataclass(frozen=True)
class DataAudit:
    """The section of the report about the data: a paragraph, and artifacts; `found` if all images were checked."""

    text: str = ""
    artifacts: tuple[Artifact, ...] = ()
    found: Audit | None = None


def data_audit(trainer: Trainer, predictions: Predictions) -> DataAudit:
    """Return the section for a run on files; an empty one for images in memory, and if `report.audit` is 0."""
    parts, limit = trainer.parts, trainer.parts.recipe.report.audit
    splits = without_repetitions(unframed(parts.splits))
    if isinstance(splits.train, TensorSplit) or not limit:
        return DataAudit()
    doubts = tuple(task_report(parts.info.task).doubts(trainer, predictions))
    total = len(splits.train) + sum(len(splits.half(half)) for half in splits.halves)
    if total > limit:
        return DataAudit(
            "cvkit did not look for damaged images and duplicates, because the data set has more than "
            f"{counted(limit, 'image')} ({total:,}; report.audit). To check all of them: cvkit audit RECIPE",
            doubts,
        )
    found = audit(splits)
    similar = similar_in_features(trainer, found)
    return DataAudit(
        "Each image was read once more, as by cvkit audit RECIPE, which also writes duplicates.csv and damaged.csv. "
        f"{'' if findings(found) else 'It found no problems. '}"
        "Rotated images and small cuts from a photo are not found as duplicates.",
        (*_checked(found, splits), *(() if similar is None else (similar,)), *doubts),
        found,
    )


def _checked(found: Audit, splits: Splits) -> Iterator[Artifact]:
    rows = tuple((finding.what, finding.advice) for finding in findings(found, _SOURCE))
    if rows:
        yield Table("findings", "Findings", "The most important first.", ("finding", "what to do"), rows)
    yield split_table(found)
    if splits.account is None:  # else the section about the data has this table
        yield class_table(found)
    yield from pair_galleries(found, splits, SHOWN, _SOURCE)


def similar_in_features(trainer: Trainer, found: Audit) -> Gallery | None:
    """Return the evaluated images that are most similar to a training image in the features of the trained network.

    Images that have a duplicate by their pixels are left out. None if there are no features or no other images.
    """
    parts = trainer.parts
    half: Half = parts.splits.final
    splits: tuple[Split, Split] = parts.splits.half(half), framed(once(parts.splits.train), parts.info)
    damaged = {facts.name: facts.damaged for facts in found.splits}
    leaked = {*found.leaked(half), *damaged[half]}
    rows = [index for index in range(len(splits[0])) if index not in leaked]
    columns = [index for index in range(len(splits[1])) if index not in damaged["training"]]
    features = Features.before_logits(trainer.trained(), materialize(splits[1], columns[:2]).images)
    if features is None or not rows:
        return None
    evaluated, trained = (
        _vectors(features, split, indices) for split, indices in zip(splits, (rows, columns), strict=True)
    )
    blocks = [(block @ trained.T).max(dim=1) for block in evaluated.split(AT_ONCE)]
    similarity, nearest = (torch.cat(each) for each in zip(*blocks, strict=True))
    naming = parts.info.classes, parts.info.labels
    cards, sharp = [], True
    for row in similarity.argsort(descending=True, stable=True)[:SHOWN].tolist():
        places = ((half, splits[0], rows[row]), ("training", splits[1], columns[int(nearest[row])]))
        pictures, lines = [], [f"similarity {similarity[row]:.3f}"]
        for name, split, index in places:
            image, label = split[index]
            sharp &= pixelated(image[None])
            pictures.append((f"{name}: {legible(named(label, *naming), 24)}", thumbnail(image)))
            lines.append(legible(_name(split, name, index)))
        cards.append(Card(tuple(pictures), tuple(lines), values={"similarity": float(similarity[row])}))
    caption = (
        f"The {half} images that are most similar to a training image for the trained network, without duplicates by "
        "their pixels. Look for the same object or scene: another crop, angle or frame. Similarity: cosine "
        "of the input of the last layer with weights. It is high for all images of a class that the network "
        "recognises, so a high value is no proof."
    )
    return Gallery("similar", f"{half.capitalize()} images similar to training images", caption, tuple(cards), sharp)


def _vectors(features: Features, split: Split, indices: list[int]) -> Tensor:
    """Return unit vectors of the features of images, float32 (n, F)."""
    starts = range(0, len(indices), AT_ONCE)
    batches = (materialize(split, indices[start : start + AT_ONCE]).images for start in starts)
    return torch.cat([normalize(features(images)).cpu() for images in batches])


def _name(split: Split, name: str, index: int) -> str:
    names = getattr(split, "names", None)
    return str(names[index]) if names else f"{name} image {index}"
