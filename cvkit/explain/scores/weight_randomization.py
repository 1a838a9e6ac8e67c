"""Model randomization: a map that does not change when the weights are randomized does not explain the model."""

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
"""The share of the weight tensors, counted from the last one, that is randomized.

It is not all of them, because then maps hardly agree with the former ones for any method (Guided Backprop also fell
to 0.26 on CIFAR-10). The last quarter distinguishes the classes, and Adebayo et al. show there which methods do not
change.
"""

DRAWS = 3
"""The number of draws: on the same network, the mean of one draw differed from another's by up to 0.5."""


@torch.no_grad()
def redrawn(trained: TrainedModel, images: Tensor, draw: int = 0, share: float = LATE) -> TrainedModel:
    """Return a copy of the model with the values of its last weight tensors shuffled, each within itself.

    `draw` seeds the shuffle, and `share` is the share of tensors in the order of the modules. Shuffling works for any
    module and keeps the scale of each layer, so that signals neither vanish nor explode. The statistics of batch
    normalisation belong to the weights that they were computed with, and with other weights many maps become black.
    So they are recomputed from `images`, uint8 (n, C, H, W), with n at least 2, of which up to 250 are used.
    `trained` is not modified. Adebayo et al. 2018, "Sanity Checks for Saliency Maps", arXiv:1810.03292, randomize a
    cascade of layers from the top; this is one stage of it.
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
        norm.momentum = None  # use the plain mean over batches
        norm.train()
    if norms:
        model(inputs)
    model.eval()


def under_new_weights(explainers: Explainers, images: Tensor, targets: Tensor, maps: Maps) -> dict[str, Tensor]:
    """Return the similarity of each explainer's and baseline's maps before and after, float64 (n, `DRAWS`) by name.

    `images` are uint8 (n, C, H, W), `targets` int64 (n,), and `maps` the maps of the original model from `explained`.
    Each image is explained `DRAWS` times. An explainer that fails on the modified model is omitted.
    """
    alike: dict[str, list[Tensor]] = {}
    for draw in range(DRAWS):
        other = explained(explainers.of(redrawn(explainers.trained, images, draw)), images, targets)
        for name in maps:
            if name in other:
                alike.setdefault(name, []).append(likeness(maps[name], other[name]))
    return {name: torch.stack(draws, dim=1) for name, draws in alike.items()}


def likeness(before: Tensor, after: Tensor) -> Tensor:
    """Return the rank correlation of maps (n, H, W) before and after the weights are randomized, float64 (n,).

    A map that was black before counts as 0, because it contains nothing that could stay the same.
    """
    return rank_correlation(before, after) * before.flatten(1).any(dim=1)
