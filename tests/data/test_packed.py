"""Photos of any size in one tensor: their pixels, and how much memory it takes to read them."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import torch

from cvkit.data.packed import PackedSplit


class Drawn:
    """Images of different sizes, made when they are read, with the channels last in memory, as decoded files are.

    Counts the images whose pixels exist at once.
    """

    def __init__(self, count: int) -> None:
        self.count, self.alive, self.most = count, 0, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> tuple[torch.Tensor, int]:
        pixels = np.full((200 + index, 300, 3), index, dtype=np.uint8)  # tracemalloc counts NumPy's memory
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(pixels, self._gone)
        return torch.from_numpy(pixels).permute(2, 0, 1), index % 3

    def _gone(self) -> None:
        self.alive -= 1


def test_images_are_unchanged():
    """In their own sizes and shapes, also those with the channels last in memory."""
    split = Drawn(5)
    packed = PackedSplit.of(split)
    assert len(packed) == 5
    for index in range(5):
        image, label = packed[index]
        assert torch.equal(image, split[index][0])
        assert label == index % 3


def test_reading_needs_the_memory_of_the_images_once():
    """A list of all images and a tensor of them would be twice that, so no image may be kept."""
    split = Drawn(40)
    gc.collect()
    tracemalloc.start()
    try:
        packed = PackedSplit.of(split)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert split.most <= 2
    assert packed.pixels.numel() < peak < 1.3 * packed.pixels.numel()
