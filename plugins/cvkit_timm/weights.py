"""Where timm's pretrained weights come from, and what to say where they cannot be had."""

from __future__ import annotations

from typing import Any

from huggingface_hub import HfApi, try_to_load_from_cache
from timm.models import get_pretrained_cfg

from cvkit import RunError

_ANSWER_WITHIN = 5.0  # seconds; the client's own retries take close to a minute without a network


def load_arguments(name: str) -> dict[str, Any]:
    """Return the arguments that make ``timm.create_model`` load the pretrained weights of `name`.

    Weights already in the Hugging Face cache are read from there, without a network. Raises `RunError`, within
    seconds, where timm has none for the model or the hub cannot be reached.
    """
    config = get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise RunError(f"timm has no pretrained weights for '{name}'. Set pretrained: false to start from scratch.")
    if not config.hf_hub_id:
        return {"pretrained": True}
    cached = try_to_load_from_cache(config.hf_hub_id, "model.safetensors")
    if isinstance(cached, str):
        return {"pretrained": True, "pretrained_cfg_overlay": {"file": cached, "custom_load": False}}
    try:
        HfApi().model_info(config.hf_hub_id, timeout=_ANSWER_WITHIN)
    except Exception as error:  # the client's errors changed their family between its versions
        raise unavailable(name, str(error)) from error
    return {"pretrained": True}


def unavailable(name: str, reason: str) -> RunError:
    """Return the error that says which weights were looked for, why they were not had, and what to do next."""
    config = get_pretrained_cfg(name)
    home = config and (config.hf_hub_id or config.url)
    return RunError(
        f"the pretrained weights of timm/{name} cannot be had: looked for '{home}' in the local cache and online "
        f"({reason}). Set pretrained: false to start from scratch, or fetch them where there is a network and copy "
        f"the cache (HF_HOME, for a few models TORCH_HOME) to this machine."
    )
