"""Loss functions from PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import cross_entropy as per_sample

if TYPE_CHECKING:
    from cvkit import DataInfo

Weights = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1)]


class WeightedCrossEntropy(nn.CrossEntropyLoss):
    """Cross-entropy whose samples are weighted by their class, as a mean over samples.

    PyTorch divides by the sum of the weights in the batch. Then a batch of one rare class has the loss of any other
    batch, and the losses of parts of a batch do not add up to its loss.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the mean over the batch of the weighted losses, a scalar."""
        losses = per_sample(input, target, self.weight, reduction="none", label_smoothing=self.label_smoothing)
        return losses.mean()


def cross_entropy(
    info: DataInfo,
    class_counts: Sequence[int] = (),
    *,
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    class_weights: Literal["balanced"] | Weights | None = None,
) -> nn.CrossEntropyLoss:
    """Return the mean cross-entropy of logits (B, K) and labels (B,).

    Args:
        info: Channels, image size and classes of the data set.
        class_counts: The number of training images of each class; read only for balanced weights.
        label_smoothing: Fraction of the target probability that is spread evenly over all classes, in [0, 1).
        class_weights: Factor of the loss of each class. ``balanced``: inversely proportional to the number of
            training images, with a mean of 1 over these images; else one number for each class, in the order of the
            classes, at least 0. null: all classes have the same.

    Returns:
        A module from logits (B, K) and int64 labels (B,) to the mean loss, a scalar.

    Raises:
        ValueError: The number of weights is not the number of classes, or all weights are 0.
    """
    if class_weights is None:
        return nn.CrossEntropyLoss(label_smoothing=label_smoothing)
    weights = _balanced(class_counts) if class_weights == "balanced" else [float(value) for value in class_weights]
    if len(weights) != info.num_classes:
        raise ValueError(
            f"class_weights has {len(weights)} numbers, but the data set has {info.num_classes} classes: "
            f"{', '.join(info.classes[:10])}"
        )
    if not any(weights):
        raise ValueError("class_weights are all 0, so nothing would be trained")
    return WeightedCrossEntropy(torch.tensor(weights), label_smoothing=label_smoothing)


def _balanced(counts: Sequence[int]) -> list[float]:
    """Return N / (classes * count) for each class, as scikit-learn does; 1 for a class without images."""
    present = [count for count in counts if count]
    return [sum(present) / (len(present) * count) if count else 1.0 for count in counts]
