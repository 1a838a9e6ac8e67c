"""Build a torchvision model for a data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn
from torchvision.models import get_model, get_model_builder

from cvkit import one_line

from .layers import fit_channels
from .weights import input_of, load_file, load_pretrained

if TYPE_CHECKING:
    from cvkit import DataInfo

_NOT_ARGUMENTS = {
    "num_classes": "the data set sets it",
    "image_size": "the data set sets it",
    "input_size": "the data set sets it",
    "aux_logits": "use torchvision/googlenet_aux or torchvision/inception_v3_aux, which train them",
    "pretrained": "it is an option of its own; write it next to 'arguments'",
    "weights": "write pretrained: true, or the path of a file, next to 'arguments' instead",
    "transform_input": "the normalisation of the run does that",
}


def torchvision_model(
    name: str,
    info: DataInfo,
    restoring: bool = False,
    *,
    pretrained: bool | Path = False,
    arguments: dict[str, object] | None = None,
) -> nn.Module:
    """Return the torchvision model `name` with one logit per class, for the channels and image size of the data set.

    Architectures with a fixed image size are built for the image size of the data set.

    Args:
        name: Name of the model in torchvision.
        info: Channels, image size and classes of the data set.
        restoring: Whether a run's checkpoint will replace the weights, so that no pretrained weights are read.
        pretrained: Start from torchvision's default weights (``true``), or from weights of this model in a file: the
            path of a ``.safetensors`` or ``.pth`` file. The first layer is adapted to the channels, and the last
            layer is new if the classes differ in number; with ``true`` it always is.
        arguments: Further keyword arguments of torchvision's builder of the model.

    Returns:
        A module from normalised images (B, C, H, W) to logits (B, K).

    Raises:
        ValueError: The images or the arguments do not fit the model, or its weights do not fit the arguments.
        cvkit.RunError: The pretrained weights could not be downloaded or read, or belong to another model.
    """
    return built(name, info, restoring, pretrained, arguments)


def built(
    name: str,
    info: DataInfo,
    restoring: bool,
    pretrained: bool | Path,
    arguments: dict[str, object] | None,
    auxiliary: Callable[..., nn.Module] | None = None,
) -> nn.Module:
    """Return the model `name`, or the class `auxiliary` of the same model with auxiliary logits."""
    options = dict(arguments or {})
    for key in sorted(options.keys() & _NOT_ARGUMENTS.keys()):
        raise ValueError(f"arguments: '{key}' cannot be set for torchvision/{name}: {_NOT_ARGUMENTS[key]}")
    try:
        options = {"num_classes": info.num_classes, **_demanded(name, info), **options}
        model: nn.Module = (
            get_model(name, **options) if auxiliary is None else auxiliary(**options | {"aux_logits": True})
        )
        fit_channels(model, info.channels)
    except Exception as error:  # torchvision passes on the errors of its checks and of torch
        size = f"{info.channels}x{info.height}x{info.width}"
        raise ValueError(f"could not build torchvision/{name} for images of {size}: {one_line(error)}") from error
    if not isinstance(pretrained, bool) and not restoring:
        load_file(model, pretrained, info)
    elif pretrained and not restoring:
        load_pretrained(name, model, info)
    if pretrained:
        model.pretrained_input = input_of(name)  # type: ignore[assignment]  # a plain attribute
    return model


def _demanded(name: str, info: DataInfo) -> dict[str, Any]:
    """Return the arguments that the architecture requires for these images, or for training a single output."""
    match get_model_builder(name).__module__.rpartition(".")[2]:
        case "vision_transformer":
            if info.height != info.width:
                raise ValueError("it requires square images")
            return {"image_size": info.height}
        case "maxvit":
            return {"input_size": (info.height, info.width)}
        case "googlenet" | "inception":
            return {"aux_logits": False, "init_weights": True}  # without init_weights, torchvision prints a warning
    return {}
