"""The validation images in two halves: one fits the temperature, and the other chooses the rule."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ..engine.predictions import Predictions
from ..seeding import permutation


def halves(images: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return the positions of two disjoint halves of `images` images, int64, which depend only on the seed.

    The first half has one image fewer if the number is odd.
    """
    order = permutation(images, "calibration halves", seed)
    return order[: images // 2].sort().values, order[images // 2 :].sort().values


def only(predictions: Predictions, positions: Tensor) -> Predictions:
    """Return the predictions of the images at `positions`; `loss` stays that of all images."""
    names = predictions.names
    chosen = None if names is None else tuple(names[position] for position in positions.tolist())
    return replace(
        predictions, logits=predictions.logits[positions], labels=predictions.labels[positions], names=chosen
    )
