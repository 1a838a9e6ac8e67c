"""Which axis of a tensor holds its channels, as the layers that make it or take it tell."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

Axis = Literal["first", "last"]


def axis_of(module: nn.Module) -> tuple[Axis, bool] | None:
    """Return where a layer's channels are, first or last after the batch, and whether that is certain.

    A linear layer may also mix places, as in MLP-Mixer, so what it tells is likely only. None where the class of the
    layer does not tell: most modules are made of others.
    """
    if isinstance(module, (_ConvNd, _BatchNorm, _InstanceNorm, nn.GroupNorm)):
        return "first", True
    if isinstance(module, (nn.LayerNorm, nn.RMSNorm)):
        if type(module).__name__.endswith("2d"):  # timm's and torchvision's, which permute within
            return "first", True
        return ("last", True) if len(module.normalized_shape) == 1 else None
    return ("last", False) if isinstance(module, nn.Linear) else None
