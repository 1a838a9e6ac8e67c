"""Alternating flip: each image is mirrored in every other epoch, from an epoch that is drawn for the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cvkit import Progress, progress

if TYPE_CHECKING:
    from cvkit import DataInfo

_BEFORE = Progress(epoch=0, step=0, epochs=1, steps=1)  # a preview shows the images of the first epoch
_MIXER = 0x9E3779B97F4A7C15 - (1 << 64)  # 2**64 divided by the golden ratio, as a signed number: Knuth's multiplier


def alternating_flip(info: DataInfo) -> AlternatingFlip:
    """Mirror each image from left to right in every other epoch; for half of the images in the even ones.

    So two epochs in a row show both sides of every image, while an independent flip repeats a side half of the time.
    Which images begin mirrored depends on the seed of the run and on the pixels of the image: copies of an image are
    mirrored together. Place it before all other augmentations, also before those of single images: if an earlier one
    changes the pixels, the flip is drawn again in each epoch, and does not alternate.

    Source: Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv:2404.00498, section 3.6.

    Args:
        info: Channels, image size and classes of the data set; not used.

    Returns:
        An augmentation of float images (B, C, H, W).
    """
    return AlternatingFlip(int(torch.randint(2**31, ())))


class AlternatingFlip(nn.Module):
    """Mirror the images whose hash and epoch differ in their lowest bit; `seed` chooses the hash."""

    draws_globally = True  # it draws nothing: an image is mirrored alike in any process

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed, self._factors = seed, torch.empty(0, dtype=torch.int32)

    def forward(self, images: Tensor) -> Tensor:
        """Return the images, float (B, C, H, W), some of them mirrored."""
        mirrored = self.begins_mirrored(images) != bool(progress(default=_BEFORE).epoch % 2)
        return torch.where(mirrored[:, None, None, None], images.flip(-1), images)

    def begins_mirrored(self, images: Tensor) -> Tensor:
        """Return which images in [0, 1], float (B, C, H, W), are mirrored in even epochs: bool (B,).

        It is the highest bit of a hash of the pixels as whole numbers, so it does not depend on rounding, on the
        device or on the batch: the sum of the pixels, each times a random number of 22 bits, times `_MIXER`.
        """
        pixels = (images * 255).round().to(torch.int32).flatten(1)
        sums = (pixels * self._factors_of(pixels)).sum(dim=1, dtype=torch.int64)  # each product is below 2**30
        return sums * _MIXER < 0

    def _factors_of(self, pixels: Tensor) -> Tensor:
        """Return a factor for each pixel; they are kept, because copying them to a GPU would make the host wait."""
        if self._factors.device != pixels.device or len(self._factors) != pixels.shape[1]:
            generator = torch.Generator().manual_seed(self.seed)
            factors = torch.randint(2**22, (pixels.shape[1],), dtype=torch.int32, generator=generator)
            self._factors = factors.to(pixels.device)
        return self._factors
