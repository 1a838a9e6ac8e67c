"""Infer from the class of a layer which axis of its input and output is the channel axis."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

Axis = Literal["first", "last"]


def axis_of(module: nn.Module) -> tuple[Axis, bool] | None:
    """Return whether the channel axis of a layer is the first or the last after the batch, and whether it is certain.

    The answer is not certain for a linear layer, which may also mix positions, as in MLP-Mixer. Return None if the
    class of the layer does not determine the axis, as for most modules that contain other modules.
    """
    if isinstance(module, (_ConvNd, _BatchNorm, _InstanceNorm, nn.GroupNorm)):
        return "first", True
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        if type(module).__name__.endswith("2d"):  # in timm and torchvision, these permute the axes inside
            return "first", True
        return ("last", True) if len(module.normalized_shape) == 1 else None
    return ("last", False) if isinstance(module, nn.Linear) else None
