"""Decoded images of any size in memory, for augmentations that need each image as it is in its file."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .splits import Split


@dataclass(frozen=True)
class PackedSplit:
    """The images of a split in one tensor, which worker processes share; a tensor each would need a descriptor each.

    Attributes:
        pixels: The pixels of all images one after another, uint8, with the channels last.
        sizes: Height, width and channels of each image.
        starts: Where each image starts in `pixels`.
        labels: The label of each image.
    """

    pixels: Tensor
    sizes: tuple[tuple[int, int, int], ...]
    starts: tuple[int, ...]
    labels: tuple[int, ...]

    @classmethod
    def of(cls, split: Split) -> PackedSplit:
        """Read every image of `split`, and return them. Only one image exists twice at any time.

        The memory grows in place and ends with the exact size. Joining a list of tensors would need it twice.
        """
        buffer, sizes, starts, labels = bytearray(), [], [], []
        for index in range(len(split)):
            image, label = split[index]
            pixels = image.permute(1, 2, 0).contiguous()
            sizes.append((pixels.shape[0], pixels.shape[1], pixels.shape[2]))
            starts.append(len(buffer))
            labels.append(label)
            buffer += pixels.numpy().data
        return cls(torch.frombuffer(buffer, dtype=torch.uint8), tuple(sizes), tuple(starts), tuple(labels))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int, /) -> tuple[Tensor, int]:
        height, width, channels = self.sizes[index]
        start = self.starts[index]
        pixels = self.pixels[start : start + height * width * channels]
        return pixels.view(height, width, channels).permute(2, 0, 1), self.labels[index]
