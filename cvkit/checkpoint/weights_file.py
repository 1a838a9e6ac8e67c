"""Read pretrained weights from a file or a folder. Nothing in them is run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ..errors import RunError, one_line

_IN_FOLDER = ("model.safetensors", "pytorch_model.bin")
_ENDINGS = (".safetensors", ".pth", ".pt", ".bin")
_WRAPPED = ("state_dict_ema", "model_ema", "state_dict", "model")  # as training scripts of timm and torchvision save
_PREFIXES = ("_orig_mod.", "module.", "_orig_mod.")  # what torch.compile and DistributedDataParallel add to names


@dataclass(frozen=True)
class WeightsFile:
    """Weights that were read from a file.

    Attributes:
        path: The file, or the folder that contains it.
        tensors: The tensors by name.
        sha256: The SHA-256 of the file, in hexadecimal.
        config: The content of the folder's ``config.json`` in the form of timm; empty if there is none.
    """

    path: Path
    tensors: dict[str, Tensor]
    sha256: str
    config: Mapping[str, Any] = field(default_factory=dict)


def read_weights(path: str | Path) -> WeightsFile:
    """Read pretrained weights from a file, without running anything that it contains.

    Args:
        path: A ``.safetensors`` file; a ``.pth``, ``.pt`` or ``.bin`` file of ``torch.save``, which is read with
            ``weights_only=True``; or a folder with such a file and, optionally, timm's ``config.json``.
            Relative paths start in the current folder; those in a recipe are absolute here.

    Returns:
        The tensors, the digest of the file, and the configuration.

    Raises:
        RunError: There is no such file, or it does not contain weights.
    """
    place = Path(path).expanduser()
    file = _file_in(place) if place.is_dir() else place
    if not file.is_file():
        raise RunError(
            f"found no pretrained weights at '{place}'. Correct the path: it is absolute, or relative to the folder "
            "of the recipe that contains it, or after --set to the current folder"
        )
    config = _config(place / "config.json") if place.is_dir() else {}
    try:
        content = load_file(file) if file.suffix == ".safetensors" else _unpickled(file)
    except Exception as error:  # safetensors, zipfile, pickle and torch each have errors of their own
        raise RunError(
            f"could not read pretrained weights from '{file}': {_why(error)}. cvkit reads safetensors, and files "
            "of torch.save that contain only tensors and plain values"
        ) from error
    return WeightsFile(place, _tensors(content, file), digest_of(file), config)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _file_in(folder: Path) -> Path:
    """Return the file with the weights in a folder; raise `RunError` if it is missing or not the only one."""
    for name in _IN_FOLDER:
        if (folder / name).is_file():
            return folder / name
    found = sorted(path for path in folder.iterdir() if path.suffix in _ENDINGS)
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:5]) or "none"
        raise RunError(
            f"the folder '{folder}' must contain one file with weights, such as model.safetensors; it contains "
            f"{names}. Write the path of the file instead"
        )
    return found[0]


def _unpickled(file: Path) -> Any:
    return torch.load(file, map_location="cpu", weights_only=True)


def _why(error: Exception) -> str:
    """Return why a file could not be read. torch's own text recommends to run the code in the file."""
    if found := re.search(r"GLOBAL (\S+)", str(error)):
        return f"it contains {found[1]}, which is neither a tensor nor a plain value"
    if isinstance(error, OSError | MemoryError):
        return one_line(error)
    return "it is not a weights file, or it is damaged"


def _tensors(content: Any, file: Path) -> dict[str, Tensor]:
    """Return the tensors in the content of a file, under the names that the model itself uses."""
    if isinstance(content, Mapping):
        content = next((content[key] for key in _WRAPPED if isinstance(content.get(key), Mapping)), content)
    named = dict(content) if isinstance(content, Mapping) else {}
    if not named or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in named.items()):
        held = ", ".join(map(str, list(named)[:5])) or f"an object of type {type(content).__name__}"
        raise RunError(f"'{file}' does not contain the weights of a model, tensors by name; it contains {held}")
    return {_bare(name): value for name, value in named.items()}


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _config(file: Path) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"could not read '{file}': {one_line(error)}") from error
    if not isinstance(content, dict) or not isinstance(content.get("pretrained_cfg", {}), dict):
        raise RunError(f"'{file}' is not a configuration of timm: it must be a mapping with 'pretrained_cfg'")
    return content
