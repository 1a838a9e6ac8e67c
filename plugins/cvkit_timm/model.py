"""A timm model fitted to a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import timm
from pydantic import Field
from timm.models import get_pretrained_cfg
from torch import nn

from cvkit import one_line

from .weights import load_arguments, unavailable

if TYPE_CHECKING:
    from cvkit import DataInfo

# Set by the data set, by an option of their own, or ways to a file that a recipe must not open.
_NOT_ARGUMENTS = {
    "model_name": "the name is the recipe's",
    "num_classes": "it comes from the data set",
    "in_chans": "it comes from the data set",
    "pretrained": "write it beside 'arguments'",
    "drop_rate": "write it beside 'arguments'",
    "drop_path_rate": "write it beside 'arguments'",
    "checkpoint_path": "recipes load no files",
    "pretrained_cfg": "recipes load no files",
    "pretrained_cfg_overlay": "recipes load no files",
    "cache_dir": "set HF_HUB_CACHE instead",
}


def timm_model(
    name: str,
    info: DataInfo,
    *,
    pretrained: bool = False,
    drop_rate: Annotated[float, Field(ge=0, le=1)] | None = None,
    drop_path_rate: Annotated[float, Field(ge=0, le=1)] | None = None,
    arguments: dict[str, object] | None = None,
) -> nn.Module:
    """Return the timm model `name` with one logit a class, for images of the data set's channels and size.

    `pretrained` starts from timm's weights, the first and last layer adapted. `drop_rate` is the dropout before
    the classifier, `drop_path_rate` the stochastic depth; the model's own defaults without them. `arguments` are
    any others of ``timm.create_model``. An architecture of fixed input size is built for the data set's.
    Raises `ValueError` where the model does not fit the images or arguments, and `cvkit.RunError` where the
    pretrained weights cannot be had.
    """
    options: dict[str, Any] = dict(arguments or {})
    for key in sorted(options.keys() & _NOT_ARGUMENTS.keys()):
        raise ValueError(f"arguments: '{key}' cannot be given to timm/{name} here: {_NOT_ARGUMENTS[key]}")
    config = get_pretrained_cfg(name)
    if config is not None and config.fixed_input_size:
        options.setdefault("img_size", (info.height, info.width))
    weights = load_arguments(name) if pretrained else {}
    options |= {"drop_rate": drop_rate, "drop_path_rate": drop_path_rate, **weights}
    try:
        model = timm.create_model(name, num_classes=info.num_classes, in_chans=info.channels, **options)
    except Exception as error:  # timm raises whatever its checks, torch, Python or the hub's client raise
        if pretrained and not isinstance(error, TypeError | ValueError | AssertionError):
            raise unavailable(name, one_line(error)) from error
        size = f"{info.channels}x{info.height}x{info.width}"
        raise ValueError(f"timm/{name} cannot be built for images of {size}: {one_line(error)}") from error
    return model
