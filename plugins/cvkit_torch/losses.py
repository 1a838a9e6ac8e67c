"""Losses of torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from torch import nn

if TYPE_CHECKING:
    from cvkit import DataInfo


def cross_entropy(
    info: DataInfo, *, label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
) -> nn.CrossEntropyLoss:
    """Return the mean cross-entropy of logits (B, K) and labels (B,).

    `label_smoothing` moves that fraction of the target from the label to all classes evenly.
    """
    return nn.CrossEntropyLoss(label_smoothing=label_smoothing)
