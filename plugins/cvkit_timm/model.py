"""Build a timm model for a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import timm
from pydantic import Field
from timm.models import get_pretrained_cfg
from torch import nn

from cvkit import PretrainedWeights, one_line, read_weights

from .weights import cached_digest, input_of, load_arguments, load_file, unavailable

if TYPE_CHECKING:
    from cvkit import DataInfo

# The data set or another option sets these arguments.
_NOT_ARGUMENTS = {
    "model_name": "the recipe sets it as the name of the model",
    "num_classes": "the data set sets it",
    "in_chans": "the data set sets it",
    "pretrained": "it is an option of its own; write it next to 'arguments'",
    "drop_rate": "it is an option of its own; write it next to 'arguments'",
    "drop_path_rate": "it is an option of its own; write it next to 'arguments'",
    "checkpoint_path": "write the path of the weights as 'pretrained', next to 'arguments'",
    "pretrained_cfg": "write the path of the weights as 'pretrained', next to 'arguments'",
    "pretrained_cfg_overlay": "write the path of the weights as 'pretrained', next to 'arguments'",
    "cache_dir": "set the environment variable HF_HUB_CACHE instead",
}


def timm_model(
    name: str,
    info: DataInfo,
    restoring: bool = False,
    *,
    pretrained: bool | Path = False,
    drop_rate: Annotated[float, Field(ge=0, le=1)] | None = None,
    drop_path_rate: Annotated[float, Field(ge=0, le=1)] | None = None,
    arguments: dict[str, object] | None = None,
) -> nn.Module:
    """Return the timm model `name` with one logit per class, for the channels and image size of the data set.

    Architectures with a fixed input size are built for the image size of the data set.

    Args:
        name: Name of the model in timm.
        info: Channels, image size and classes of the data set.
        restoring: Whether a run's checkpoint will replace the weights, so that no pretrained weights are read.
        pretrained: Start from timm's pretrained weights (``true``), or from weights of this model in a file: the path
            of a ``.safetensors`` or ``.pth`` file, or of a folder with timm's ``config.json`` and such a file. The
            first layer is adapted to the channels, and the last layer is new if the classes differ in number.
        drop_rate: Dropout probability before the classifier, in [0, 1]; null keeps the default of the model.
        drop_path_rate: Stochastic depth probability, in [0, 1]; null keeps the default of the model.
        arguments: Further keyword arguments of ``timm.create_model``.

    Returns:
        A module from normalised images (B, C, H, W) to logits (B, K).

    Raises:
        ValueError: The images or the arguments do not fit the model, or timm has no pretrained weights for it.
        cvkit.RunError: The pretrained weights could not be downloaded or read, or belong to another model.
    """
    options: dict[str, Any] = dict(arguments or {})
    for key in sorted(options.keys() & _NOT_ARGUMENTS.keys()):
        raise ValueError(f"arguments: '{key}' cannot be set for timm/{name}: {_NOT_ARGUMENTS[key]}")
    config = get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:
        options.setdefault("img_size", (info.height, info.width))
    hub = pretrained is True and not restoring
    file = read_weights(pretrained) if not isinstance(pretrained, bool) and not restoring else None
    weights = load_arguments(name) if hub else {}
    options |= {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate, **weights}
    try:
        model = timm.create_model(name, num_classes=info.num_classes, in_chans=info.channels, **options)
    except Exception as error:  # timm passes on the errors of its checks, of torch, and of the Hugging Face client
        if hub and not isinstance(error, TypeError | ValueError | AssertionError):
            raise unavailable(name, one_line(error)) from error
        size = f"{info.channels}x{info.height}x{info.width}"
        raise ValueError(f"could not build timm/{name} for images of {size}: {one_line(error)}") from error
    if file is not None:
        load_file(model, file, info)
    elif hub and config is not None:
        new_head = info.num_classes != config.num_classes
        loaded = PretrainedWeights(config.hf_hub_id or name, cached_digest(name), new_head)
        model.pretrained_weights = loaded  # type: ignore[assignment]  # a plain attribute
    if pretrained:
        declared = input_of(model, {} if file is None else file.config)
        model.pretrained_input = declared  # type: ignore[assignment]  # as above
    return model
