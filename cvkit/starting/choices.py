"""What the first recipe for some photos says, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .photos import Photos

UNEVEN = 1.5
"""Classes are uneven from this ratio of the largest class to the smallest."""

HEAD_ALONE = 200
"""With up to this number of training photos only the head is trained, because they are too few for the rest."""

HEAD_LR = 30
"""Learning rate of the head relative to the body's (docs/results.md has accuracies with 30 and with 10)."""

ENOUGH = 50
"""Validation photos of the smallest class from which an accuracy chooses the epoch. The loss varies less with few."""

_SEEN = {"head": 5000, "body": 4000, "scratch": 100_000}
"""Training photos that are seen in all epochs together, by what is trained."""

_EPOCHS = {"head": (5, 30), "body": (5, 15), "scratch": (10, 100)}
"""Fewest and most epochs, by what is trained."""

_RATES = {"head": 0.01, "body": 5.0e-3, "scratch": 3.0e-3}
"""Highest learning rate of AdamW in the one-cycle schedule, by what is trained; of the head, where there is one."""


@dataclass(frozen=True)
class Choices:
    """The values of a recipe that depend on the photos.

    Attributes:
        model: The name of the network.
        pretrained: Where its weights come from: a path, true for the hub; None for random weights.
        trained: What is trained: ``head``, ``body`` (with the head), or ``scratch``, a network with random weights.
        epochs: Number of epochs.
        batch_size: Photos of a step.
        max_lr: Highest learning rate.
        balanced: Whether rare classes get a higher weight.
        metric: What chooses the epoch: ``loss``, ``accuracy`` or ``balanced_accuracy``.
        framing: How photos become squares.
        uses_all: Whether each epoch uses the photos that do not fill a batch too.
    """

    model: str
    pretrained: str | bool | None
    trained: str
    epochs: int
    batch_size: int
    max_lr: float
    balanced: bool
    metric: str
    framing: str
    uses_all: bool

    @property
    def finetune(self) -> dict[str, Any]:
        """The settings of fine-tuning."""
        frozen = {"epochs": self.epochs if self.trained == "head" else 1, "batch_norm": "always"}
        return {"head": "zeros", "freeze": frozen} | ({"head_lr": HEAD_LR} if self.trained == "body" else {})


def choose(photos: Photos, model: str, pretrained: str | bool | None) -> Choices:
    """Return the values of a recipe that suit the photos.

    Args:
        photos: What was found.
        model: The name of the network.
        pretrained: Where its weights come from: a path, or true for the hub; None for random weights.
    """
    count = photos.training
    trained = "scratch" if pretrained is None else "head" if count <= HEAD_ALONE else "body"
    fewest, most = _EPOCHS[trained]
    balanced = photos.imbalance >= UNEVEN
    enough = min(photos.account.counts["validation"].values()) >= ENOUGH
    batch_size = min(32, max(2, 2 ** int(math.log2(max(2, count / 4)))))
    return Choices(
        model=model,
        pretrained=pretrained,
        trained=trained,
        epochs=min(most, max(fewest, math.ceil(_SEEN[trained] / count))),
        batch_size=batch_size,
        max_lr=_RATES[trained],
        balanced=balanced,
        metric="loss" if not enough else "balanced_accuracy" if balanced else "accuracy",
        framing="pad" if photos.long > 0.1 else "squash",
        uses_all=count % batch_size > 1,  # batch normalisation cannot train on a batch of one photo
    )
