"""Find the pretrained weights of timm, load them from files, and explain what to do when they are missing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import HfApi, try_to_load_from_cache
from timm.models import adapt_input_conv, get_pretrained_cfg
from torch import Tensor, nn

from cvkit import PretrainedInput, RunError, digest_of, load_weights, one_line

if TYPE_CHECKING:
    from cvkit import DataInfo, WeightsFile

_ANSWER_WITHIN = 5.0  # seconds; without a network, the client's own retries take almost a minute


def load_arguments(name: str) -> dict[str, Any]:
    """Return the arguments that make ``timm.create_model`` load the pretrained weights of `name`.

    Weights in the Hugging Face cache are read from there, without a network. Raises `ValueError` if timm has no
    weights for the model, and `RunError` within seconds if the Hugging Face hub cannot be reached.
    """
    config = get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise ValueError(f"timm has no pretrained weights for '{name}'. Set pretrained: false to start from scratch.")
    if not config.hf_hub_id:
        return {"pretrained": True}
    cached = try_to_load_from_cache(config.hf_hub_id, "model.safetensors")
    if isinstance(cached, str):
        return {"pretrained": True, "pretrained_cfg_overlay": {"file": cached, "custom_load": False}}
    try:
        HfApi().model_info(config.hf_hub_id, timeout=_ANSWER_WITHIN)
    except Exception as error:  # the base class of the client's errors differs between its versions
        raise unavailable(name, str(error)) from error
    return {"pretrained": True}


def unavailable(name: str, reason: str) -> RunError:
    """Return an error that names the missing weights, the reason, and what to do next."""
    config = get_pretrained_cfg(name)
    home = config and (config.hf_hub_id or config.url)
    return RunError(
        f"could not load the pretrained weights of timm/{name}: '{home}' is not in the local cache and could not be "
        f"downloaded ({reason}). Set pretrained: false to start from scratch, or download the weights on a machine "
        f"with a network and copy its cache (HF_HOME, for a few models TORCH_HOME) to this machine."
    )


def cached_digest(name: str) -> str:
    """Return the SHA-256 of the model's weights in the Hugging Face cache; empty if they are not there."""
    config = get_pretrained_cfg(name)
    cached = try_to_load_from_cache(config.hf_hub_id, "model.safetensors") if config and config.hf_hub_id else None
    return digest_of(Path(cached)) if isinstance(cached, str) else ""


def load_file(model: nn.Module, file: WeightsFile, info: DataInfo) -> None:
    """Load weights from a file into `model`, with timm's own conversion of names, positions and channels.

    Raises `RunError` if they belong to another model.
    """
    config = _config(model, file.config)
    tensors = _converted(model, file)
    for name in _names(config.get("first_conv")):
        weight, own = tensors.get(f"{name}.weight"), model.get_submodule(name)
        if weight is not None and isinstance(own, nn.Conv2d) and weight.ndim == 4:
            channels = weight.shape[1] * own.groups
            if channels != own.in_channels and own.in_channels == info.channels:
                tensors[f"{name}.weight"] = adapt_input_conv(info.channels, weight, channels)
    load_weights(model, tensors, source=str(file.path), heads=_names(config.get("classifier")), sha256=file.sha256)


def _converted(model: nn.Module, file: WeightsFile) -> dict[str, Tensor]:
    """Return the weights after the filter of the model's module in timm, which renames and resizes them."""
    convert = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return dict(file.tensors)
    try:
        return dict(convert(dict(file.tensors), model))
    except Exception as error:  # a filter assumes the names and sizes of its own model
        raise RunError(
            f"the pretrained weights '{file.path}' do not belong to this model: timm could not convert their names, "
            f"such as '{next(iter(file.tensors))}' ({one_line(error)}). Use the weights of this model"
        ) from error


def input_of(model: nn.Module, described: Mapping[str, Any]) -> PretrainedInput | None:
    """Return the input that the weights were trained with, by a ``config.json`` or else by timm; None if unknown."""
    config = _config(model, described)
    mean, std = config.get("mean"), config.get("std")
    if not mean or not std:
        return None
    return PretrainedInput.declared(mean, std, config.get("interpolation"), config.get("crop_pct"))


def _config(model: nn.Module, described: Mapping[str, Any]) -> dict[str, Any]:
    return {**getattr(model, "pretrained_cfg", {}), **described.get("pretrained_cfg", {})}


def _names(value: Any) -> tuple[str, ...]:
    return () if not value else (value,) if isinstance(value, str) else tuple(value)
