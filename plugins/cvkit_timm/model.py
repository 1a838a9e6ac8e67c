"""A timm model fitted to a data set, tried once before it is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import timm
import torch
from pydantic import Field
from timm.models import get_pretrained_cfg
from torch import nn

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
    options = dict(arguments or {})
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
            raise unavailable(name, _reason(error)) from error
        raise ValueError(f"timm/{name} cannot be built for {_images(info)}: {_reason(error)}") from error
    _try(name, model, info)
    return model


def _try(name: str, model: nn.Module, info: DataInfo) -> None:
    """Pass two black images through `model`; raise `ValueError` where that fails or gives no logits (2, classes)."""
    mode = model.training
    try:
        with torch.no_grad():
            logits: Any = model.eval()(torch.zeros(2, info.channels, info.height, info.width))
    except Exception as error:
        raise ValueError(
            f"timm/{name} cannot take {_images(info)}, which may be too small for it: {_reason(error)}"
        ) from error
    finally:
        model.train(mode)
    expected = (2, info.num_classes)
    if getattr(logits, "shape", None) != expected:
        got = f"of shape {tuple(logits.shape)}" if isinstance(logits, torch.Tensor) else f"a {type(logits).__name__}"
        raise ValueError(f"timm/{name} returns {got} for two images, where logits {expected} are needed")


def _images(info: DataInfo) -> str:
    return f"images of {info.channels}x{info.height}x{info.width}"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
