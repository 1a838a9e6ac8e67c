"""The two-object test: maps for two classes in one image must lie on different objects."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ...engine.trained_model import TrainedModel
from .mask_metrics import energy_in_mask

_TRIES = 8  # maximum number of partners that are tried for an image


@dataclass(frozen=True)
class Pairs:
    """Images uint8 (n, C, H, W) of two objects each, with the masks (n, H, W) and labels (n,) of both objects."""

    images: Tensor
    masks: tuple[Tensor, Tensor]
    labels: tuple[Tensor, Tensor]

    def __len__(self) -> int:
        return len(self.images)

    def at(self, chosen: Tensor) -> Pairs:
        """Return the pairs that a bool tensor (n,) or an index selects."""
        first, second = ((self.masks[i][chosen], self.labels[i][chosen]) for i in (0, 1))
        return Pairs(self.images[chosen], (first[0], second[0]), (first[1], second[1]))

    def recognised(self, trained: TrainedModel) -> Pairs:
        """Return the pairs in which the model recognises both objects: their classes are the two most probable."""
        if not len(self):
            return self
        best = trained.logits(self.images).topk(2, dim=1).indices
        both = [(best == label[:, None]).any(dim=1) for label in self.labels]
        return self.at(both[0] & both[1])


def paired(images: Tensor, labels: Tensor, masks: Tensor) -> Pairs:
    """Return images with a second object added, which is cut out of another image by its mask.

    `images` are uint8 (n, C, H, W), `labels` int64 (n,), and `masks` bool (n, H, W). The second object has another
    class and is completely visible, at least a sixteenth of the side away, and as far away as possible. Candidates
    are the next eight images in order; an image without room for any of them is omitted.
    """
    n = len(images)
    partner, shift = torch.full((n,), -1), torch.zeros(n, 2, dtype=torch.int64)
    for step in range(1, min(_TRIES, n - 1) + 1):
        open_, candidate = (partner < 0).nonzero()[:, 0], (torch.arange(n) + step) % n
        open_ = open_[labels[open_] != labels[candidate[open_]]]
        if len(open_):
            fits, shifts = _farthest_shift(masks[open_], masks[candidate[open_]])
            partner[open_[fits]], shift[open_[fits]] = candidate[open_[fits]], shifts[fits]
    first = (partner >= 0).nonzero()[:, 0]
    second, shift = partner[first], shift[first]
    moved, beside = _shifted(images[second], shift), _shifted(masks[second][:, None], shift)
    both = torch.where(beside, moved, images[first])
    return Pairs(both, (masks[first], beside[:, 0]), (labels[first], labels[second]))


def swapped(for_first: Tensor, for_second: Tensor, pairs: Pairs) -> Tensor:
    """Return 1 if both maps of a pair lie more on their own object than on the other one, else 0, float64 (n,).

    `for_first` and `for_second` are maps (n, H, W) of `pairs` for each class. The test compares the maps' energy per
    pixel of the two masks. A map that is the same for both classes always scores 0, and noise scores 1 in one of four
    cases. The test is similar to the grid pointing game of Böhle et al. 2021, "Convolutional Dynamic Alignment
    Networks", arXiv:2104.00032.
    """
    first, second = pairs.masks
    return (_leans(for_first, first, second) & _leans(for_second, second, first)).double()


def _leans(maps: Tensor, own: Tensor, other: Tensor) -> Tensor:
    here, there = (energy_in_mask(maps, mask) / mask.sum(dim=(1, 2)) for mask in (own, other))
    return here > there


def _farthest_shift(fixed: Tensor, moving: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether there is room for `moving` beside `fixed`, bool (n,), and how far to shift it, int64 (n, 2).

    The overlaps of all shifts are a cross-correlation, computed by the Fourier transform.
    """
    height, width = fixed.shape[1:]
    gap = max(1, min(height, width) // 16)
    surroundings = max_pool2d(fixed.float()[:, None], 2 * gap + 1, stride=1, padding=gap)[:, 0]
    spectrum = torch.fft.rfft2(surroundings) * torch.fft.rfft2(moving.float()).conj()
    overlap = torch.fft.irfft2(spectrum, s=(height, width))
    down, down_fits = _shifts(moving.any(dim=2))
    right, right_fits = _shifts(moving.any(dim=1))
    free = (overlap < 0.5) & down_fits[:, :, None] & right_fits[:, None, :]
    apart = _centre(moving) - _centre(fixed)
    distance = ((down + apart[:, :1]) ** 2)[:, :, None] + ((right + apart[:, 1:]) ** 2)[:, None, :]
    best = torch.where(free, distance, -1.0).flatten(1).argmax(dim=1)
    rows = torch.arange(len(fixed))
    shift = torch.stack([down[rows, best // width], right[rows, best % width]], dim=1)
    present = fixed.flatten(1).any(dim=1) & moving.flatten(1).any(dim=1)
    return free.flatten(1).any(dim=1) & present, shift


def _shifts(occupied: Tensor) -> tuple[Tensor, Tensor]:
    """Return the shift, int64 (n, side), that each index of a circular correlation along one side represents.

    Also return whether the shift keeps all `occupied` places, bool (n, side), inside the image.
    """
    side = occupied.shape[1]
    index = torch.arange(side).expand(len(occupied), -1)
    before = occupied.int().argmax(dim=1, keepdim=True)
    behind = occupied.flip(1).int().argmax(dim=1, keepdim=True)
    forward = index <= behind
    return torch.where(forward, index, index - side), forward | (side - index <= before)


def _centre(masks: Tensor) -> Tensor:
    """Return the mean row and column of each mask, (n, 2)."""
    share = masks.float() / masks.sum(dim=(1, 2), keepdim=True).clamp(min=1)
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in masks.shape[1:])
    return torch.stack([(share.sum(dim=2) * rows).sum(dim=1), (share.sum(dim=1) * columns).sum(dim=1)], dim=1)


def _shifted(images: Tensor, shift: Tensor) -> Tensor:
    """Return images (n, C, H, W), each moved down and right by its `shift`, with wraparound."""
    height, width = images.shape[2:]
    rows = (torch.arange(height) - shift[:, :1]) % height
    columns = (torch.arange(width) - shift[:, 1:]) % width
    return images[torch.arange(len(images))[:, None, None], :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
