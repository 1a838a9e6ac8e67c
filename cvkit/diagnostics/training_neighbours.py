"""The training images that are most similar to given images: a duplicate or a wrong label shows there."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..data.label_forms import LabelForm, named
from ..data.loading import BatchSource, DeviceResidentSource, materialize, open_source
from ..data.resizing import framed
from ..data.splits import Split
from ..engine.parts import RunParts
from ..figures.artifacts import LabelledPng
from ..figures.thumbnails import SMALL, thumbnail
from ..formatting import legible
from ..phases import phase
from ..seeding import permutation
from .features import Features
from .neighbours import Neighbours, nearest


@dataclass(frozen=True)
class TrainingNeighbours:
    """The k most similar training images of each of n images, most similar first.

    Attributes:
        found: Their positions in the training images and their similarities, (n, k).
        images: The images, uint8 (n, k, C, H, W).
        labels: Their labels by position.
        form: The form of the labels.
        searched: The number of training images that were compared.
        total: The number of different training images.
    """

    found: Neighbours
    images: Tensor
    labels: dict[int, Tensor]
    form: LabelForm
    searched: int
    total: int

    def pictures(self, row: int, classes: tuple[str, ...]) -> tuple[LabelledPng, ...]:
        """Return a small picture of each neighbour of the image in a row, with its label and its similarity."""
        indices, similarities = (of[row].tolist() for of in (self.found.indices, self.found.similarities))
        return tuple(
            (
                f"{legible(named(self.labels[index], classes, self.form), 20)} {similarity:.2f}",
                thumbnail(image, SMALL),
            )
            for index, similarity, image in zip(indices, similarities, self.images[row], strict=True)
        )

    def of_rows(self, start: int, count: int) -> TrainingNeighbours:
        """Return the neighbours of `count` of the images, from the row `start` on."""
        rows = slice(start, start + count)
        found = Neighbours(self.found.indices[rows], self.found.similarities[rows])
        return replace(self, found=found, images=self.images[rows])

    @property
    def caption(self) -> str:
        """Sentences about what was searched, and what to look for, with a space before them."""
        among = f"all {self.total:,}"
        if self.searched < self.total:
            among = f"a random {self.searched:,} of {self.total:,} (report.neighbours)"
        return (
            f" The training images with the most similar features, of {among}, have their label and the cosine "
            "similarity. If they have the predicted class and look like the image, one of the labels may be wrong. "
            "A copy has a similarity of 1.00; other images have it too if the model has learned little."
        )


def training_neighbours(
    parts: RunParts, features: Features, images: Tensor, at_once: int, k: int = 3
) -> TrainingNeighbours | None:
    """Return the neighbours of `images`, uint8 (n, C, H, W); None if the recipe's report does not look for any.

    At most `report.neighbours` training images pass through the model, without augmentation, `at_once` at a time, so
    memory does not grow with the training images. Which ones depends on the seed of the run only.
    """
    most, split = parts.recipe.report.neighbours, parts.splits.train
    different = _different(split)
    if not most or not len(images):
        return None
    chosen = different[permutation(len(different), "training neighbours", parts.recipe.seed)[:most]].sort().values
    plain = framed(split, parts.info)
    with phase("comparing errors with training images", len(chosen)) as comparing:
        found = nearest(features, images, _plain_source(parts, plain), chosen, k, at_once, comparing.advance)
    near = found.indices.unique()
    shown = materialize(plain, near.tolist())
    rows = torch.searchsorted(near, found.indices)
    labels = dict(zip(near.tolist(), shown.labels, strict=True))
    return TrainingNeighbours(found, shown.images[rows], labels, parts.info.labels, len(chosen), len(different))


def _plain_source(parts: RunParts, plain: Split) -> BatchSource:
    """Return the training images without augmentation: those on the device, or streamed."""
    if isinstance(parts.train_source, DeviceResidentSource):
        return parts.train_source
    return open_source(plain, parts.device, False, parts.recipe.train.workers)


def _different(split: Split) -> Tensor:
    """Return the positions of the training images, of repetitions of an image the first one only, int64 (M,)."""
    originals = getattr(split, "originals", None)
    if originals is None:
        return torch.arange(len(split))
    first: dict[int, int] = {}
    for index, original in enumerate(originals):
        first.setdefault(int(original), index)
    return torch.tensor([*first.values()])
