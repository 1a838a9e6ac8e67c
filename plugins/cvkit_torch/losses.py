"""Loss functions from PyTorch."""

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

    Args:
        info: Channels, image size and classes of the data set; not used.
        label_smoothing: Fraction of the target probability that is spread evenly over all classes, in [0, 1).

    Returns:
        A module from logits (B, K) and int64 labels (B,) to the mean loss, a scalar.
    """
    return nn.CrossEntropyLoss(label_smoothing=label_smoothing)
