"""Photos of any size in memory: their pixels, and how much memory it takes to read them."""

from __future__ import annotations

import weakref

import numpy as np
import torch

from cvkit.data.image_store import StoreInMemory
from cvkit.data.reduction import Photo


class Drawn:
    """Images of different sizes, made when they are read, with the channels last in memory, as decoded files are.

    Counts the images whose pixels exist at once.
    """

    def __init__(self, count: int) -> None:
        self.count, self.alive, self.most = count, 0, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> tuple[torch.Tensor, int]:
        pixels = np.full((200 + index, 300, 3), index, dtype=np.uint8)
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(pixels, self._gone)
        return torch.from_numpy(pixels).permute(2, 0, 1), index % 3

    def _gone(self) -> None:
        self.alive -= 1


def stored(split: Drawn) -> StoreInMemory:
    store = StoreInMemory()
    for index in range(len(split)):
        image, label = split[index]
        store.add(Photo(image, label, (image.shape[1], image.shape[2])))
    return store


def test_images_are_unchanged():
    """In their own sizes and shapes, also those with the channels last in memory."""
    split = Drawn(5)
    store = stored(split)
    for index in range(5):
        photo = store[index]
        assert torch.equal(photo.image, split[index][0])
        assert (photo.label, photo.size) == (index % 3, (200 + index, 300))


def test_reading_needs_the_memory_of_the_images_once():
    """A list of all images and a tensor of them would be twice that, so no image is kept."""
    split = Drawn(40)
    stored(split)
    assert split.most <= 2
