"""Occlusion maps (Zeiler & Fergus 2014): hide a place, and see what the network then says."""

from __future__ import annotations

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from cvkit import ExplainerFactory, eval_mode


class Occlusion:
    """Maps of how much the logit of the target class changes, either way, when a square hides the place.

    `size`: the square's side, in pixels; `stride`: how far it moves. Hidden pixels are 0, the data set's mean.
    """

    def __init__(self, model: nn.Module, *, size: PositiveInt = 8, stride: PositiveInt = 4) -> None:
        self.model, self.size, self.stride = model, size, stride

    def __call__(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return a map an image, float32 (B, H, W) in [0, 1]: the mean over the squares that hide a place."""
        height, width = images.shape[2:]
        changes, counts = torch.zeros_like(images[:, 0]), torch.zeros_like(images[0, 0])
        with eval_mode(self.model), torch.no_grad():
            before = self._logits(images, targets)
            for top in self._starts(height):
                for left in self._starts(width):
                    square = (slice(top, top + self.size), slice(left, left + self.size))
                    hidden = images.clone()
                    hidden[:, :, *square] = 0
                    changes[:, *square] += (before - self._logits(hidden, targets)).abs()[:, None, None]
                    counts[square] += 1
        maps = changes / counts
        return maps / maps.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)

    def _logits(self, images: Tensor, targets: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits.gather(1, targets[:, None])[:, 0]

    def _starts(self, side: int) -> list[int]:
        """Return where squares begin along a side, so that every pixel is hidden at least once."""
        last = max(side - self.size, 0)
        return sorted({*range(0, last, min(self.stride, self.size)), last})


_: ExplainerFactory = Occlusion
