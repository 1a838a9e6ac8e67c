"""`Variant`: settings that change how fast a step is; and which of them a device can use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from ..engine.device import choose_device
from ..errors import DeviceError
from ..recipe.settings import Precision, TrainSettings


@dataclass(frozen=True)
class Variant:
    """The settings of `train` that change how a step is computed, but not on which images.

    Attributes:
        precision: The number format of the forward pass.
        channels_last: Whether images and weights are in channels-last memory order.
        compile: Whether the model is compiled.
    """

    precision: Precision
    channels_last: bool
    compile: bool = False

    @classmethod
    def of(cls, settings: TrainSettings) -> Variant:
        """Return the variant that a recipe has."""
        return cls(settings.precision, settings.channels_last, settings.compile)

    def __str__(self) -> str:
        order = "channels_last" if self.channels_last else "contiguous"
        return f"{self.precision}, {order}, {'compiled' if self.compile else 'eager'}"


def precisions(device: torch.device) -> Iterator[tuple[Precision, str]]:
    """Yield each precision with the reason why `device` does not have it, or an empty text."""
    yield "fp32", ""
    others: tuple[Precision, ...] = ("bf16", "fp16")
    for precision in others:
        try:
            choose_device(str(device), precision)
        except DeviceError as error:
            yield precision, str(error).removeprefix("train.precision: ").partition(";")[0]
        else:
            yield precision, ""
