"""Find the pretrained weights of timm, and explain what to do when they cannot be downloaded."""

from __future__ import annotations

from typing import Any

from huggingface_hub import HfApi, try_to_load_from_cache
from timm.models import get_pretrained_cfg

from cvkit import RunError

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
