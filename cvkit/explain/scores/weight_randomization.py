"""Model randomisation: a map that stays as it was when the weights are drawn anew does not explain the model."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ...engine.trained_model import TrainedModel
from ...seeding import permutation
from ..explainers import Explainers
from .maps import Maps, explained
from .rank_correlation import rank_correlation

LATE = 0.25
"""The share of the weight tensors, the last ones, that is drawn anew.

Not all: then a network's maps hardly agree with its former ones by any method (Guided Backprop's too fell to 0.26 on
CIFAR-10). A late quarter holds what tells the classes apart, and is where Adebayo et al. show which methods stay.
"""

DRAWS = 3
"""How often weights are drawn anew: one draw's mean lay up to 0.5 from another's on the same network."""


@torch.no_grad()
def redrawn(trained: TrainedModel, images: Tensor, draw: int = 0, share: float = LATE) -> TrainedModel:
    """Return the model with the values of its last weight tensors shuffled, each within itself; `draw` seeds it.

    `share`: how many of the tensors, in the order of the modules. Shuffling works for any module and keeps each
    layer's scale, so that signals neither die nor explode. The statistics of batch normalisation belong to the
    weights they were gathered with, and with others many maps go black: they are gathered anew from `images`, uint8
    (n, C, H, W), n at least 2, of which 250 serve. `trained` stays as it is. Adebayo et al. 2018, "Sanity Checks for
    Saliency Maps", arXiv 1810.03292, draw a cascade of layers from the top; this is one stop of it.
    """
    model = copy.deepcopy(trained.model)
    parameters = list(model.parameters())
    for number in range(int(len(parameters) * (1 - share)), len(parameters)):
        parameter = parameters[number]
        order = permutation(parameter.numel(), "weights drawn anew", trained.seed, draw, number)
        parameter.copy_(parameter.flatten()[order.to(parameter.device)].view_as(parameter))
    model.eval()
    _gather_statistics(model, trained.inputs(images[:250]))
    return replace(trained, model=model)


def _gather_statistics(model: nn.Module, inputs: Tensor) -> None:
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
        norm.train()
    if norms:
        model(inputs)
    model.eval()


def under_new_weights(explainers: Explainers, images: Tensor, targets: Tensor, maps: Maps) -> dict[str, Tensor]:
    """Return how alike each explainer's and each baseline's maps stay, float64 (n, `DRAWS`) by name.

    `images`: uint8 (n, C, H, W). `targets`: int64 (n,). `maps`: those of the model as it is, from `explained`. It
    takes `DRAWS` explanations of every image. Who fails on a model with other weights is left out.
    """
    alike: dict[str, list[Tensor]] = {}
    for draw in range(DRAWS):
        other = explained(explainers.of(redrawn(explainers.trained, images, draw)), images, targets)
        for name in maps:
            if name in other:
                alike.setdefault(name, []).append(likeness(maps[name], other[name]))
    return {name: torch.stack(draws, dim=1) for name, draws in alike.items()}


def likeness(before: Tensor, after: Tensor) -> Tensor:
    """Return the rank correlation of maps (n, H, W) before and after the weights were drawn anew, float64 (n,).

    A map that was black before counts 0: there is nothing in it that could stay.
    """
    return rank_correlation(before, after) * before.flatten(1).any(dim=1)
