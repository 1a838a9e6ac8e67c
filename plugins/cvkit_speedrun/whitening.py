"""A convolution whose outputs are uncorrelated for patches of the training images.

The patches of k x k pixels are vectors of C * k * k numbers. Their second moments form a matrix; the filters are its
eigenvectors, each divided by the root of its eigenvalue. So the outputs of the filters have the second moment 1 and
are uncorrelated. Each filter also exists with the opposite sign, so that no information is lost in the activation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import unfold

_CHUNK = 500_000  # patches in memory at once, of at least one image: 48 MB in float64 for 3 channels of 2x2 pixels


def patch_moments(images: Tensor, size: int) -> Tensor:
    """Return the second moments of all patches of images (N, C, H, W), float64 (C * k * k, C * k * k) on the CPU."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    height, width = (side - size + 1 for side in images.shape[-2:])
    for part in images.split(max(1, _CHUNK // (height * width))):
        # On the CPU, because Apple's GPUs have no float64.
        patches = unfold(part.cpu().double(), size).transpose(1, 2).flatten(0, 1)
        total = total + patches.T @ patches
        count += len(patches)
    return total / count


def whitening_filters(images: Tensor, size: int, eps: float) -> Tensor:
    """Return filters that whiten patches of images (N, C, H, W), float32 (2 * C * k * k, C, k, k).

    Filter i is ``v_i / sqrt(e_i + eps)`` with the eigenvalues e, descending, and the eigenvectors v of the second
    moments; the second half of the filters are the first half times -1. An eigenvector has no sign of its own, so its
    largest entry is made positive. Source: Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU",
    arXiv:2404.00498, section 3.2, after Page 2018, "How to Train Your ResNet 8: Bag of Tricks".
    """
    values, vectors = torch.linalg.eigh(patch_moments(images, size))
    filters = vectors.T.flip(0) / (values.flip(0).clamp(min=0) + eps).sqrt()[:, None]
    largest = filters.gather(1, filters.abs().argmax(dim=1, keepdim=True))
    filters = (filters * largest.sign()).unflatten(1, (images.shape[1], size, size)).float()
    return torch.cat([filters, -filters])
