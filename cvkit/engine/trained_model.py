"""A trained model as it is asked: images in, logits out, with the pixels it was trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..data.preprocessing import Preprocessor
from ..data.splits import DataInfo
from .eval_mode import eval_mode


@dataclass(frozen=True)
class TrainedModel:
    """A model after training, in evaluation mode, on `device`; `info` is of the data it was trained on.

    `pixels`: what becomes of an image before the model sees it. `seed`: the run's, for whatever draws at random.
    """

    model: nn.Module
    info: DataInfo
    pixels: Preprocessor
    device: torch.device
    seed: int

    def inputs(self, images: Tensor) -> Tensor:
        """Return uint8 images (B, C, H, W), from anywhere, as the model takes them."""
        return self.pixels.for_evaluation(images.to(self.device))

    @torch.no_grad()
    def logits(self, images: Tensor, batch_size: int = 250) -> Tensor:
        """Return the logits of uint8 images (B, C, H, W), float32 (B, K) on the CPU, `batch_size` at once."""
        with eval_mode(self.model):
            return torch.cat([self.model(self.inputs(part)).float().cpu() for part in images.split(batch_size)])
