"""Training steps of a model on sample images, each with its own batch and random draws."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from ..data.splits import DataInfo
from ..protocols import TrainingOutputs
from .sample_parts import sample_inputs, sample_labels, seeded

_RATE = 0.01


def take_gradients(model: nn.Module, info: DataInfo, step: int = 0) -> nn.Module:
    """Compute the gradients for the batch of a step, as in training before the update; return the model."""
    count = 4 * (step + 1)
    images, labels = sample_inputs(info, count)[-4:], sample_labels(info, count)[-4:]
    with seeded(1 + step):
        logits, own = parts_of(model.train()(images))
        sum([*(cross_entropy(each.float(), labels) for each in logits), *own], torch.zeros(())).backward()
    return model


def parts_of(made: Tensor | TrainingOutputs) -> tuple[list[Tensor], list[Tensor]]:
    """Return all logits that a model returned in training mode, and the losses of its own."""
    if isinstance(made, TrainingOutputs):
        return [made.logits, *made.aux.values()], list(made.losses.values())
    return [made], []


def update(model: nn.Module) -> None:
    """Take an optimizer step with the current gradients, and clear them."""
    SGD(model.parameters(), lr=_RATE).step()
    model.zero_grad()


def train(model: nn.Module, info: DataInfo, steps: Iterable[int]) -> nn.Module:
    """Take the training steps with these numbers, and return the model."""
    for step in steps:
        take_gradients(model, info, step)
        update(model)
    return model
