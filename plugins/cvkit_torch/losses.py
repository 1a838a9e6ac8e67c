"""Loss functions from PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot
from torch.nn.functional import cross_entropy as per_sample

if TYPE_CHECKING:
    from cvkit import ClassCounts, DataInfo

_HIGHEST_WEIGHT = 100.0  # of the balanced positive weights; without it, 1 of 100,000 images would have 99,999
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
    """Return the mean cross-entropy of logits (B, K) and labels (B,), or of soft targets (B, K).

    The loss of soft targets is the sum of the losses of all classes, each with its class weight, times its target.

    Args:
        info: Channels, image size and classes of the data set.
        class_counts: The number of training images of each class; read only for balanced weights.
        label_smoothing: Fraction of the target probability that is spread evenly over all classes, in [0, 1).
        class_weights: Factor of the loss of each class. ``balanced``: inversely proportional to the number of
            training images, with a mean of 1 over these images; else one number for each class, in the order of the
            classes, at least 0. null: all classes have the same.

    Returns:
        A module from logits (B, K), and int64 labels (B,) or float targets (B, K), to the mean loss, a scalar.

    Raises:
        ValueError: The number of weights is not the number of classes, or all weights are 0.
    """
    if class_weights is None:
        return nn.CrossEntropyLoss(label_smoothing=label_smoothing)
    weights = _balanced(class_counts) if class_weights == "balanced" else [float(value) for value in class_weights]
    _require_weights("class_weights", weights, info)
    if not any(weights):
        raise ValueError("class_weights are all 0, so nothing would be trained")
    return WeightedCrossEntropy(torch.tensor(weights), label_smoothing=label_smoothing)


def bce(
    info: DataInfo,
    class_counts: ClassCounts | None = None,
    *,
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    target_threshold: Annotated[float, Field(gt=0, lt=1)] | None = None,
    sum_classes: bool = False,
    pos_weight: Literal["balanced"] | Weights | None = None,
) -> BinaryCrossEntropy:
    """Return the mean binary cross-entropy of logits (B, K) and labels (B,), or of targets (B, K).

    Each class is a question of its own: is it in the image? So an image may have several labels, and an image that is
    mixed from two may have those of both.
    Source: Wightman et al. 2021, "ResNet strikes back: An improved training procedure in timm".

    Args:
        info: Channels, image size and classes of the data set.
        class_counts: The number of training images of each class; read only for balanced weights.
        label_smoothing: Fraction of each target that is replaced, in [0, 1): by 1/K if each image has one class, and
            by 1/2 if it has a set of labels.
        target_threshold: Replace targets above this number by 1 and the others by 0; null: keep them.
        sum_classes: Sum the losses of an image's classes instead of taking their mean.
        pos_weight: Factor of the loss of the positive target of each class. ``balanced``: the number of training
            images without the class divided by that with it, but at most 100, because a few images with a higher
            weight would dominate the gradient; else one number for each class, at least 0, in the order of the
            classes: that of `label_columns` or `classes` of the data set, else sorted, with 2 before 10. null: 1 for
            all classes.

    Returns:
        A module from logits (B, K), and int64 labels (B,) or float targets (B, K), to the mean loss, a scalar.

    Raises:
        ValueError: The number of weights is not the number of classes.
    """
    shares = info.num_classes if info.task == "single_label" else 2
    weights = None
    if pos_weight == "balanced":
        weights = _positive(class_counts or ())
    elif pos_weight is not None:
        weights = [float(value) for value in pos_weight]
        _require_weights("pos_weight", weights, info)
    return BinaryCrossEntropy(label_smoothing, target_threshold, sum_classes, weights, shares)


class BinaryCrossEntropy(nn.Module):
    """Binary cross-entropy of all classes, as a mean over samples."""

    pos_weight: Tensor | None

    def __init__(
        self,
        label_smoothing: float,
        target_threshold: float | None,
        sum_classes: bool,
        pos_weight: Sequence[float] | None,
        shares: int,
    ) -> None:
        super().__init__()
        self.label_smoothing, self.target_threshold = label_smoothing, target_threshold
        self.sum_classes, self.shares = sum_classes, shares
        self.register_buffer("pos_weight", None if pos_weight is None else torch.tensor(pos_weight))

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss over the batch, a scalar."""
        classes = logits.shape[1]
        targets = target if target.is_floating_point() else one_hot(target, classes).to(logits)
        if self.label_smoothing:
            targets = targets * (1 - self.label_smoothing) + self.label_smoothing / self.shares
        if self.target_threshold is not None:
            targets = (targets > self.target_threshold).to(logits)
        losses = binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=self.pos_weight)
        return losses.sum(dim=1).mean() if self.sum_classes else losses.mean()


def _require_weights(name: str, weights: Sequence[float], info: DataInfo) -> None:
    """Raise `ValueError` unless there is a weight for each class."""
    if len(weights) != info.num_classes:
        raise ValueError(
            f"{name} has {len(weights)} numbers, but the data set has {info.num_classes} classes: "
            f"{', '.join(info.classes[:10])}"
        )


def _positive(counts: ClassCounts | Sequence[int]) -> list[float]:
    """Return (N - n) / n, up to a limit, for each class with n of N images; 1 if no image or every image has it."""
    images = counts.images if hasattr(counts, "images") else sum(counts)
    return [min((images - count) / count, _HIGHEST_WEIGHT) if 0 < count < images else 1.0 for count in counts]


def _balanced(counts: Sequence[int]) -> list[float]:
    """Return N / (classes * count) for each class, as scikit-learn does; 1 for a class without images."""
    present = [count for count in counts if count]
    return [sum(present) / (len(present) * count) if count else 1.0 for count in counts]
