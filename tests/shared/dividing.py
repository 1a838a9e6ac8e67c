"""Steps of several processes on the same small data, and what they are compared by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import chain, zip_longest
from typing import Any

import torch
from small import run_of
from torch import Tensor, nn
from worlds import together

from cvkit import RunParts, discover
from cvkit.engine.averaging import Averaged
from cvkit.engine.loop import train_steps
from cvkit.engine.step import TrainStep
from cvkit.world.world import World

UNEVEN = ("dataset.train_size=65", "dataset.test_size=23", "train.batch_size=8", "train.drop_last=false")
"""The last batch has 1 image, so that two of three processes have none of it."""
LAST = 8  # the number of that batch
BLENDED = "augmentations=[kornia/ColorJiggle, random_crop, {name: mixup, p: 1.0}, horizontal_flip]"
SINGLE = "augmentations=[torchvision/RandAugment, horizontal_flip, cutout]"
REPEATED = "sampler=balanced"


class Plain(nn.Module):
    """A network without batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 5, 4), nn.ReLU(), nn.Flatten(), nn.Linear(196, 10))
        self.unused = nn.Linear(2, 2)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mask", torch.full((2,), float("-inf")))

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
        return self.body(images)


def plain(*overrides: str) -> RunParts:
    """Return the parts of a small run whose model has no batch normalisation."""
    parts = run_of(discover(), *UNEVEN, *overrides)
    torch.manual_seed(1)
    model = Plain()
    ema = None if parts.recipe.train.ema is None else Averaged(model, parts.recipe.train.ema)
    return replace(parts, model=model, ema=ema)


def stepping(parts: RunParts, world: World, first: int) -> tuple[TrainStep, Any, list[Tensor]]:
    """Take a step of the first epoch; return it, its measurements and the model's inputs."""
    step = replace(parts, world=world).copied_train_step()
    inputs: list[Tensor] = []
    step.forward.model.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    steps = train_steps(step, parts.train_source, parts.batching, parts.sampling, 0, 0, first, planned=27)
    return step, next(steps), inputs


def in_order(of_ranks: list[list[Tensor]]) -> Tensor:
    """Return the images of a step; of each batch, each process had every W-th, and some none of the last batch."""
    batches = zip_longest(*of_ranks, fillvalue=torch.empty(0))
    rows = chain.from_iterable(chain.from_iterable(zip_longest(*batch)) for batch in batches)
    return torch.stack([row for row in rows if row is not None])


def of_worlds(work: Callable[[World], Any]) -> list[list[Any]]:
    return [together(size, work) for size in (1, 2, 3)]
