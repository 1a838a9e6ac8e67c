"""Load torchvision's pretrained weights and adapt them to a data set."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model, get_model_weights
from torchvision.models.vision_transformer import VisionTransformer, interpolate_embeddings

from cvkit import (
    PretrainedInput,
    PretrainedWeights,
    RunError,
    digest_of,
    load_weights,
    one_line,
    read_weights,
)

from .layers import adapted, first_layer, last_layer

if TYPE_CHECKING:
    from cvkit import DataInfo

_OWN_NORMALISATION = ("googlenet", "inception_v3")
"""Models with TensorFlow's weights, which torchvision normalises a second time; a run does it once, with 0.5."""
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
"""Auxiliary classifiers of GoogLeNet and Inception, which have an output per class too."""
_ANSWER_WITHIN = 5.0  # seconds; torch.hub itself waits until the timeout of the operating system


def load_pretrained(name: str, model: nn.Module, info: DataInfo) -> None:
    """Load the default weights of torchvision's `name` into `model`, adapted to the data set.

    Raises `RunError` within seconds if the weights could not be downloaded, and `ValueError` if their shapes differ
    from those of the model.
    """
    fitted = fit(_pretrained(name).state_dict(), model, info)
    try:
        model.load_state_dict(fitted)
    except RuntimeError as error:
        raise ValueError(
            f"the pretrained weights of torchvision/{name} do not fit the model that 'arguments' describe: "
            f"{one_line(error)}"
        ) from error
    weights = get_model_weights(name).DEFAULT
    cached = _cached(weights)
    digest = digest_of(cached) if cached.is_file() else ""
    model.pretrained_weights = PretrainedWeights(f"torchvision {weights}", digest)  # type: ignore[assignment]


def load_file(model: nn.Module, path: Path, info: DataInfo) -> None:
    """Load weights from a file into `model`, adapted to the data set.

    Raises `RunError` if the file cannot be read, or if the weights belong to another model.
    """
    file = read_weights(path)
    tensors, first = dict(file.tensors), f"{first_layer(model)[0]}.weight"
    if isinstance(model, VisionTransformer) and "encoder.pos_embedding" in tensors:
        tensors = dict(interpolate_embeddings(info.height, model.patch_size, tensors))
    if first in tensors and tensors[first].ndim == 4 and tensors[first].shape[1] == 3:
        tensors[first] = adapted(tensors[first], info.channels)
    load_weights(
        model, tensors, source=str(file.path), heads=[last_layer(model), *_auxiliary(model)], sha256=file.sha256
    )


def _auxiliary(model: nn.Module) -> list[str]:
    return [name for name, _ in model.named_children() if f"{name}." in AUXILIARY]


def input_of(name: str) -> PretrainedInput:
    """Return the input that torchvision's default weights of `name` were trained with."""
    transforms = get_model_weights(name).DEFAULT.transforms()
    mean, std = (0.5,) * 3, (0.5,) * 3
    if name not in _OWN_NORMALISATION:
        mean, std = tuple(transforms.mean), tuple(transforms.std)
    crop_pct = transforms.crop_size[0] / transforms.resize_size[0]
    return PretrainedInput.declared(mean, std, transforms.interpolation.value, crop_pct)


def fit(theirs: dict[str, Tensor], model: nn.Module, info: DataInfo) -> dict[str, Tensor]:
    """Return a state dict for `model` from the pretrained weights `theirs`.

    The first convolution is adapted to the channels of the data set. The position embedding of a vision transformer
    is resized to the images. The last layer and auxiliary classifiers keep the weights of `model`. Weights that
    `model` does not have, such as those of auxiliary outputs, are left out.
    """
    if isinstance(model, VisionTransformer):
        theirs = interpolate_embeddings(info.height, model.patch_size, theirs)
    first, last, ours = f"{first_layer(model)[0]}.weight", f"{last_layer(model)}.", model.state_dict()
    theirs = {**theirs, first: adapted(theirs[first], info.channels)}
    kept = {key: tensor for key, tensor in ours.items() if key.startswith((last, *AUXILIARY))}
    return {key: tensor for key, tensor in theirs.items() if key in ours} | kept


def _pretrained(name: str) -> nn.Module:
    """Return torchvision's model with its default weights, from the cache of torch.hub or from the network."""
    weights = get_model_weights(name).DEFAULT
    try:
        if not _cached(weights).exists():
            request = Request(weights.url, method="HEAD")  # noqa: S310  # a constant of torchvision
            urlopen(request, timeout=_ANSWER_WITHIN).close()  # noqa: S310  # as above
        model: nn.Module = get_model(name, weights=weights)
    except Exception as error:  # a missing network, a full disk and a damaged file all raise different errors
        raise _unavailable(name, weights, error) from error
    return model


def _cached(weights: WeightsEnum) -> Path:
    return Path(torch.hub.get_dir(), "checkpoints", PurePosixPath(urlparse(weights.url).path).name)


def _unavailable(name: str, weights: WeightsEnum, error: Exception) -> RunError:
    """Return an error that names the missing weights, the reason, and what to do next."""
    reason = one_line(error)
    return RunError(
        f"could not load the pretrained weights of torchvision/{name} from '{_cached(weights)}' or from "
        f"'{weights.url}' ({reason}). Set pretrained: false to start from scratch, or download the weights on a "
        f"machine with a network and copy its cache (TORCH_HOME) to this machine."
    )
