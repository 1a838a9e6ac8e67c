"""Deletion and insertion: the model's output when the most important pixels are removed or added."""

from __future__ import annotations

import torch
from torch import Tensor

from ...engine.trained_model import TrainedModel
from ...phases import advance
from ...seeding import permutation
from .baselines import as_float
from .blur import blurred

STEPS = 10


def deletion(trained: TrainedModel, images: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Return the target's mean probability while pixels are replaced by the mean colour, float64 (n,); low is good.

    `images` are uint8 (n, C, H, W), `targets` int64 (n,), and `maps` (n, H, W). The highest pixels are replaced
    first, in `STEPS` equal steps; ties have a random order that is the same for all maps. This is the area under the
    curve of Petsiuk et al. 2018, "RISE", arXiv:1806.07421, section 4.3. The images with replaced pixels differ from
    the training data, so the score also depends on how the model handles them, and blurry maps score better (Rong et
    al. 2022, "ROAD", arXiv:2202.00449).
    """
    mean = torch.tensor(trained.info.mean).mul(255).round().to(torch.uint8)[:, None, None]
    return _area(trained, images, mean.expand_as(images), targets, maps)


def insertion(trained: TrainedModel, images: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Return the target's mean probability while pixels are added to a blurred image, float64 (n,); high is good.

    The arguments are those of `deletion`; the highest pixels are added first. The standard deviation of the blur is
    an eighth of the side, which removes shapes of up to a third of the side.
    """
    start = blurred(as_float(images), min(images.shape[-2:]) / 8).mul(255).round().to(torch.uint8)
    return _area(trained, start, images, targets, maps)


def _area(trained: TrainedModel, start: Tensor, end: Tensor, targets: Tensor, maps: Tensor) -> Tensor:
    """Return the area under the target's probability between `start` and `end`, by the trapezoidal rule."""
    places = maps[0].numel()
    shuffled = permutation(places, "ties of pixels", trained.seed)
    order = shuffled[maps.flatten(1)[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    turn = order.argsort(dim=1).view_as(maps)[:, None]
    chances = []
    for step in range(STEPS + 1):
        advance()
        logits = trained.logits(torch.where(turn < places * step // STEPS, end, start))
        chances.append(trained.prediction_rule.probabilities(logits.double()).gather(1, targets[:, None])[:, 0])
    return torch.trapezoid(torch.stack(chances), dim=0) / STEPS
