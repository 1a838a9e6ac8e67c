"""Deletion and insertion: what the model makes of an image as its most important pixels go, or come."""

from __future__ import annotations

import torch
from torch import Tensor

from ...engine.trained_model import TrainedModel
from ...seeding import permutation
from .baselines import as_float
from .blur import blurred

STEPS = 10


def deletion(trained: TrainedModel, images: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Return the target's mean probability as pixels give way to the data's mean colour, float64 (n,); low is good.

    `images`: uint8 (n, C, H, W). `targets`: int64 (n,). `maps`: (n, H, W); the highest pixels go first, in `STEPS`
    equal steps, ties in a random order that is the same for all maps. The area under the curve of Petsiuk et al.
    2018, "RISE", arXiv 1806.07421, section 4.3. A picture with holes is like none that was trained on, so this scores
    the model's oddities too, and blurry maps gain by it (Rong et al. 2022, "ROAD", arXiv 2202.00449).
    """
    mean = torch.tensor(trained.info.mean).mul(255).round().to(torch.uint8)[:, None, None]
    return _area(trained, images, mean.expand_as(images), targets, maps)


def insertion(trained: TrainedModel, images: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Return the target's mean probability as pixels come into the blurred image, float64 (n,); high is good.

    All as for `deletion`; the highest pixels come first. The blur's sigma is an eighth of the side, so that shapes of
    a third of the side go.
    """
    start = blurred(as_float(images), min(images.shape[-2:]) / 8).mul(255).round().to(torch.uint8)
    return _area(trained, start, images, targets, maps)


def _area(trained: TrainedModel, start: Tensor, end: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Return the area under the target's probability on the way from `start` to `end`, by the trapezoidal rule."""
    places = maps[0].numel()
    shuffled = permutation(places, "ties of pixels", trained.seed)
    order = shuffled[maps.flatten(1)[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    turn = order.argsort(dim=1).view_as(maps)[:, None]
    chances = []
    for step in range(STEPS + 1):
        logits = trained.logits(torch.where(turn < places * step // STEPS, end, start))
        chances.append(logits.double().softmax(dim=1).gather(1, targets[:, None])[:, 0])
    return torch.trapezoid(torch.stack(chances), dim=0) / STEPS
