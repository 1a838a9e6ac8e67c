"""torchvision's two models with auxiliary classifiers, whose logits are further terms of the training loss."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torchvision.models import GoogLeNet, Inception3
from torchvision.models.googlenet import GoogLeNetOutputs
from torchvision.models.inception import InceptionOutputs

from cvkit import TrainingOutputs

from .model import built

if TYPE_CHECKING:
    from cvkit import DataInfo


class _GoogLeNet(GoogLeNet):  # type: ignore[misc]  # torchvision has no types
    def forward(self, x: Tensor) -> Tensor | TrainingOutputs:
        made = super().forward(x)
        if isinstance(made, GoogLeNetOutputs):
            return TrainingOutputs(made.logits, {"aux1": made.aux_logits1, "aux2": made.aux_logits2})
        logits: Tensor = made
        return logits


class _Inception(Inception3):  # type: ignore[misc]  # as above
    def forward(self, x: Tensor) -> Tensor | TrainingOutputs:
        made = super().forward(x)
        if isinstance(made, InceptionOutputs):
            return TrainingOutputs(made.logits, {"aux": made.aux_logits})
        logits: Tensor = made
        return logits


def googlenet_aux(
    info: DataInfo,
    restoring: bool = False,
    *,
    pretrained: bool | Path = False,
    arguments: dict[str, object] | None = None,
) -> nn.Module:
    """Return torchvision's GoogLeNet, which in training also has the logits of two auxiliary classifiers.

    Source: Szegedy et al. 2015, "Going deeper with convolutions"; its weights of the auxiliary losses are 0.3.

    Args:
        info: Channels, image size and classes of the data set.
        restoring: Whether a run's checkpoint will replace the weights, so that no pretrained weights are read.
        pretrained: As in ``torchvision/googlenet``; the auxiliary classifiers always start from random weights.
        arguments: Further keyword arguments of torchvision's builder of the model.

    Returns:
        A module from normalised images (B, C, H, W) to logits (B, K), in training with ``aux1`` and ``aux2``.

    Raises:
        ValueError: The images or the arguments do not fit the model.
        cvkit.RunError: The pretrained weights could not be downloaded or read, or belong to another model.
    """
    return built("googlenet", info, restoring, pretrained, arguments, _GoogLeNet)


def inception_v3_aux(
    info: DataInfo,
    restoring: bool = False,
    *,
    pretrained: bool | Path = False,
    arguments: dict[str, object] | None = None,
) -> nn.Module:
    """Return torchvision's Inception v3, which in training also has the logits of an auxiliary classifier.

    Images must have about 299x299 pixels or more. torchvision's training uses the weight 0.4 for the auxiliary loss.
    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision".

    Args:
        info: Channels, image size and classes of the data set.
        restoring: Whether a run's checkpoint will replace the weights, so that no pretrained weights are read.
        pretrained: As in ``torchvision/inception_v3``; the auxiliary classifier always starts from random weights.
        arguments: Further keyword arguments of torchvision's builder of the model.

    Returns:
        A module from normalised images (B, C, H, W) to logits (B, K), in training with ``aux``.

    Raises:
        ValueError: The images or the arguments do not fit the model.
        cvkit.RunError: The pretrained weights could not be downloaded or read, or belong to another model.
    """
    return built("inception_v3", info, restoring, pretrained, arguments, _Inception)
