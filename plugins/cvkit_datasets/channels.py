"""Compute the mean and the standard deviation of each channel of an image set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CHUNK = 4096  # images; limits the memory for counting


def mean_and_std(images: NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each channel of `images` (N, C, H, W), scaled to [0, 1].

    They are computed from an exact count of the 256 values, so they do not depend on the order of the summation.
    """
    counts = np.zeros((images.shape[1], 256), dtype=np.int64)
    for start in range(0, len(images), _CHUNK):
        for channel, count in enumerate(counts):
            count += np.bincount(images[start : start + _CHUNK, channel].ravel(), minlength=256)
    values = np.arange(256) / 255
    shares = counts / counts.sum(axis=1, keepdims=True)
    means = shares @ values
    variances = shares @ values**2 - means**2
    return tuple(means.tolist()), tuple(np.sqrt(variances).tolist())
