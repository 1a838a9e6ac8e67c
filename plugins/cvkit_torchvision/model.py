"""A torchvision model fitted to a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn
from torchvision.models import get_model, get_model_builder

from cvkit import one_line

from .layers import fit_channels
from .weights import load_pretrained

if TYPE_CHECKING:
    from cvkit import DataInfo

_NOT_ARGUMENTS = {
    "num_classes": "it comes from the data set",
    "image_size": "it comes from the data set",
    "input_size": "it comes from the data set",
    "aux_logits": "a run trains one output",
    "pretrained": "write it beside 'arguments'",
    "weights": "write pretrained: true beside 'arguments'",
}


def torchvision_model(
    name: str, info: DataInfo, *, pretrained: bool = False, arguments: dict[str, object] | None = None
) -> nn.Module:
    """Return the torchvision model `name` with one logit a class, for images of the data set's channels and size.

    `pretrained` starts from torchvision's default weights: the last layer is new, the first adapted to the channels.
    `arguments` are passed on to the model's builder. Where an architecture has a fixed image size it is the data
    set's. Raises `ValueError` where the model does not fit the images or arguments, and `cvkit.RunError` where the
    pretrained weights cannot be had.
    """
    options = dict(arguments or {})
    for key in sorted(options.keys() & _NOT_ARGUMENTS.keys()):
        raise ValueError(f"arguments: '{key}' cannot be given to torchvision/{name} here: {_NOT_ARGUMENTS[key]}")
    try:
        model: nn.Module = get_model(name, num_classes=info.num_classes, **_demanded(name, info) | options)
        fit_channels(model, info.channels)
    except Exception as error:  # torchvision raises whatever its checks, torch or Python happen to raise
        size = f"{info.channels}x{info.height}x{info.width}"
        raise ValueError(f"torchvision/{name} cannot be built for images of {size}: {one_line(error)}") from error
    if pretrained:
        load_pretrained(name, model, info)
    return model


def _demanded(name: str, info: DataInfo) -> dict[str, Any]:
    """Return the arguments that the architecture needs for these images, or to be trained by one output."""
    match get_model_builder(name).__module__.rpartition(".")[2]:
        case "vision_transformer":
            if info.height != info.width:
                raise ValueError("it takes square images only")
            return {"image_size": info.height}
        case "maxvit":
            return {"input_size": (info.height, info.width)}
        case "googlenet" | "inception":
            return {"aux_logits": False, "init_weights": True}  # the latter is the default, said without its warning
    return {}
