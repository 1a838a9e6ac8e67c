"""torchvision's pretrained weights: where they come from, how they fit another data set, and what to say without."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model, get_model_weights
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from cvkit import RunError, one_line

from .layers import adapted, first_layer, last_layer

if TYPE_CHECKING:
    from cvkit import DataInfo

_ANSWER_WITHIN = 5.0  # seconds; torch.hub alone would wait for as long as the system does


def load_pretrained(name: str, model: nn.Module, info: DataInfo) -> None:
    """Give `model` the default weights of torchvision's `name`, fitted to the data set.

    Raises `RunError`, within seconds, where the weights cannot be had, and `ValueError` where they are of another
    shape than the model's.
    """
    fitted = fit(_pretrained(name).state_dict(), model, info)
    try:
        model.load_state_dict(fitted)
    except RuntimeError as error:
        raise ValueError(
            f"torchvision/{name}: the pretrained weights do not fit what 'arguments' make of it: {one_line(error)}"
        ) from error


def fit(theirs: dict[str, Tensor], model: nn.Module, info: DataInfo) -> dict[str, Tensor]:
    """Return the pretrained weights `theirs` as `model` can load them.

    The first convolution is adapted to the data set's channels, a ViT's position embedding is resized to its images,
    the last layer stays the model's own, and what the model lacks, such as auxiliary outputs, is left out.
    """
    if isinstance(model, VisionTransformer):
        theirs = interpolate_embeddings(info.height, model.patch_size, theirs)
    first, last, ours = f"{first_layer(model)[0]}.weight", f"{last_layer(model)}.", model.state_dict()
    theirs = {**theirs, first: adapted(theirs[first], info.channels)}
    return {key: ours[key] if key.startswith(last) else tensor for key, tensor in theirs.items() if key in ours}


def _pretrained(name: str) -> nn.Module:
    """Return torchvision's own model with its default weights, from torch.hub's cache or else from the network."""
    weights = get_model_weights(name).DEFAULT
    try:
        if not _cached(weights).exists():
            request = Request(weights.url, method="HEAD")  # noqa: S310  # an address written in torchvision
            urlopen(request, timeout=_ANSWER_WITHIN).close()  # noqa: S310  # the same
        model: nn.Module = get_model(name, weights=weights)
    except Exception as error:  # no network, a lost connection, a full disk, a damaged file: all raise differently
        raise _unavailable(name, weights, error) from error
    return model


def _cached(weights: WeightsEnum) -> Path:
    return Path(torch.hub.get_dir(), "checkpoints", PurePosixPath(urlparse(weights.url).path).name)


def _unavailable(name: str, weights: WeightsEnum, error: Exception) -> RunError:
    """Return the error that says which weights were looked for, why they were not had, and what to do next."""
    reason = one_line(error)
    return RunError(
        f"the pretrained weights of torchvision/{name} cannot be had: looked for '{_cached(weights)}' and "
        f"'{weights.url}' ({reason}). Set pretrained: false to start from scratch, or fetch them where there is a "
        f"network and copy the cache (TORCH_HOME) to this machine."
    )
