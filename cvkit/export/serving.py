"""The model as other programs use it: pixels in, logits and probabilities out."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..data.splits import DataInfo
from ..engine.abstention import Abstention
from ..engine.prediction_rule import prediction_rule_of
from .framing import FramingModule

INPUT = "images"
OUTPUTS = ("logits", "probabilities")
DECLINED = "declined"
"""The names of the input and the outputs of `ServingModel`, for formats that name them."""


class ServingModel(nn.Module):
    """From uint8 images (B, C, H, W) of the model's size to logits and probabilities, both float32 (B, K).

    The normalisation is part of the module, so a file that contains it needs no preprocessing but framing. If the run
    is calibrated, the probabilities are calibrated. If it declines images, a third output, bool (B,), says which.

    Args:
        network: The network, from normalised images to logits.
        info: Channels, size, normalisation and task of the images.
        abstention: The calibration of the run; None if it has none.
    """

    def __init__(self, network: nn.Module, info: DataInfo, abstention: Abstention | None = None) -> None:
        super().__init__()
        self.network = network
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (info.mean, info.std))
        self.scale: Tensor
        self.shift: Tensor
        self.register_buffer("scale", 1 / std)
        self.register_buffer("shift", -mean / std)
        self._rule = prediction_rule_of(info.task, abstention=abstention)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs of uint8 images (B, C, H, W)."""
        inputs = torch.addcmul(self.shift, images.to(torch.float32) / 255, self.scale)  # as `Preprocessor`
        logits = self.network(inputs).float()
        probabilities = self._rule.probabilities(logits)
        declined = (self._rule.declined(probabilities),) if self._rule.declines else ()
        return logits, probabilities, *declined

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the outputs, in their order."""
        return (*OUTPUTS, DECLINED) if self._rule.declines else OUTPUTS


@dataclass(frozen=True)
class ModelToExport:
    """A trained model that an exporter writes: on the CPU, in float32 and in evaluation mode.

    Attributes:
        network: The network, from normalised images float (B, C, H, W) to logits (B, K).
        info: Channels, size, normalisation, framing and classes of the images.
        component: The full id of the model in the recipe, such as ``timm/resnet18``.
        options: The options of the model in the recipe.
        metadata: What a file should contain beside the weights: classes, framing, thresholds, the run. JSON values.
        abstention: The calibration of the run; None if it has none.
    """

    network: nn.Module
    info: DataInfo
    component: str
    options: Mapping[str, Any]
    metadata: Mapping[str, Any]
    abstention: Abstention | None = None

    def serving(self) -> ServingModel:
        """Return the module from uint8 images (B, C, H, W) of the model's size to its outputs.

        The network in it is a copy, so whatever an exporter does to the module leaves this model unchanged.
        """
        return ServingModel(copy.deepcopy(self.network), self.info, self.abstention).eval()

    def framing(self) -> nn.Module:
        """Return the module from uint8 images (B, C, H', W') of any size to uint8 (B, C, H, W) of the model's size.

        It frames images as the run's evaluation does, with operations that a graph can contain.
        """
        return FramingModule(self.info).eval()

    def metadata_text(self, *, framing_in_graph: bool = False) -> str:
        """Return the metadata as one line of JSON in ASCII, for formats that contain text.

        Args:
            framing_in_graph: Whether the file takes images of any size and frames them itself.
        """
        return json.dumps({**self.metadata, "framing_in_graph": framing_in_graph})

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """Return the logits that a file should compute.

        Args:
            images: Images of the model's size, uint8 (B, C, H, W).

        Returns:
            float32 (B, K).
        """
        logits: Tensor = ServingModel(self.network, self.info)(images)[0]
        return logits


def on_cpu(model: nn.Module) -> nn.Module:
    """Return a copy of a model on the CPU, in float32, in the usual memory order and in evaluation mode."""
    return copy.deepcopy(model).to("cpu", torch.float32).to(memory_format=torch.contiguous_format).eval()
