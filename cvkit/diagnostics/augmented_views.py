"""Some training images of a run beside versions augmented as in training, and the statistics of their pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..data.loading import materialize
from ..data.resizing import framed
from ..engine.parts import RunParts
from ..figures.artifacts import Gallery, Table
from ..formatting import counted, percent
from ..seeding import derive, permutation, preserved_randomness, seed_everything
from .augmentation_sheet import augmented_samples

_VIEWS = 3  # augmented versions shown of each sample
_COLOURS = {1: ("grey",), 3: ("red", "green", "blue")}


@dataclass(frozen=True)
class AugmentedViews:
    """Training images and augmented versions of them.

    Attributes:
        originals: Images, uint8 (n, C, H, W), framed as for the model.
        views: v augmented versions of each image, float (v, n, C, H', W') in [0, 1].
        labels: The labels of the images.
    """

    originals: Tensor
    views: Tensor
    labels: Tensor

    @classmethod
    def of(cls, parts: RunParts) -> AugmentedViews:
        """Draw the images and the views; they depend on the seed of the run only."""
        seed = parts.recipe.seed
        chosen = permutation(len(parts.splits.train), "augmented samples", seed)[: parts.recipe.report.augmented]
        originals = [parts.splits.train[index][0] for index in chosen.tolist()]
        sample = materialize(framed(parts.splits.train, parts.info), chosen.tolist())
        with preserved_randomness():
            seed_everything("augmented views", seed)
            views = [
                parts.augmented(originals, derive("augmented views", seed, view), sample.labels).cpu()
                for view in range(_VIEWS)
            ]
        return cls(sample.images, torch.stack(views), sample.labels)

    def sheet(self, parts: RunParts) -> Gallery:
        """Return a gallery with a card for each image; `parts` are those of the run."""
        return augmented_samples(self.originals, self.views, self.labels, parts.info.classes, parts.info.labels)

    def pixels(self, parts: RunParts) -> Table:
        """Return a table of the pixels of each channel, before and after augmentation, and as the model sees them."""
        info = parts.info
        before = self.originals.transpose(0, 1).flatten(1).double() / 255
        after = self.views.flatten(0, 1).transpose(0, 1).flatten(1).double()
        rows = []
        for number, name in enumerate(_COLOURS.get(info.channels, map(str, range(1, info.channels + 1)))):
            drawn, mean, std = after[number], info.mean[number], info.std[number]
            at_ends = float(((drawn <= 0) | (drawn >= 1)).double().mean())
            rows.append(
                (
                    name,
                    f"{mean:.3f} ± {std:.3f}",
                    f"{before[number].mean():.3f} ± {before[number].std():.3f}",
                    f"{drawn.mean():.3f} ± {drawn.std():.3f}",
                    f"{drawn.min():.3f} to {drawn.max():.3f}",
                    percent(at_ends, 1),
                    f"{(drawn.mean() - mean) / std:+.2f} ± {drawn.std() / std:.2f}",
                )
            )
        images, views = (counted(len(of), "image") for of in (self.originals, self.views.flatten(0, 1)))
        caption = (
            "Mean ± standard deviation of the pixels of each channel, in [0, 1]. Normalisation: what is subtracted "
            f"and divided by. Before: the {images} shown; after: their {views} after augmentation. Model input: the "
            "augmented pixels after normalisation, which should be near 0 ± 1."
        )
        header = ("channel", "normalisation", "before", "after", "range after", "0 or 1 after", "model input")
        return Table("pixels", "Pixels", caption, header, tuple(rows))


def augmented_sheet(parts: RunParts) -> Gallery:
    """Return a gallery of training images beside versions augmented as in the recipe."""
    return AugmentedViews.of(parts).sheet(parts)
