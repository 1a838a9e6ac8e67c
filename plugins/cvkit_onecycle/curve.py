"""A loss curve over a sweep of learning rates: its noise, its smoothing, whether it has diverged."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH = 0.04
"""Standard deviation of the smoothing, as a fraction of the planned steps: 4 points of 100."""

PATIENCE = 5
"""Losses in a row that must lie above the limit before a sweep counts as diverged."""


def sigma_of(planned: int) -> float:
    """Return the smoothing's standard deviation in points; below 2 it would hardly smooth."""
    return max(2.0, WIDTH * planned)


def smoothed_losses(losses: Floats, sigma: float) -> Floats:
    """Return losses smoothed by a Gaussian centred on each point, on a log scale: nothing lags, peaks weigh less."""
    curve: Floats = np.exp(smooth(np.log(losses.clip(min=1e-12)), sigma))
    return curve


def smooth(values: Floats, sigma: float) -> Floats:
    """Return `values` smoothed by a Gaussian of `sigma` points, its weights renormalised at the ends."""
    positions = np.arange(len(values))
    weights = np.exp(-0.5 * ((positions[:, None] - positions[None]) / sigma) ** 2)
    curve: Floats = weights @ values / weights.sum(axis=1)
    return curve


def uncertainty(losses: Floats, sigma: float) -> float:
    """Return the standard error of a smoothed loss: the noise over the root of the points a Gaussian averages."""
    return noise(losses) / math.sqrt(2 * math.sqrt(math.pi) * sigma)


def noise(losses: Floats) -> float:
    """Return the standard deviation of a series' noise, from the median absolute difference of neighbours.

    1.4826 turns a median absolute deviation into a standard deviation, for normal noise; a difference holds the
    noise of two points.
    """
    if len(losses) < 2:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(losses))) / math.sqrt(2))


def has_diverged(losses: Floats) -> bool:
    """Return whether the last few losses all lie far above the best few, by the noise of the series before them.

    Far is 8 standard deviations of the noise, told from a median absolute deviation, and at least a tenth of the
    best loss. The best is the lowest median of a few in a row, so that no lucky batch sets the limit.
    """
    if len(losses) <= 2 * PATIENCE:
        return False
    medians = np.median(np.lib.stride_tricks.sliding_window_view(losses[:-PATIENCE], PATIENCE), axis=1)
    best = float(medians.min())
    return bool(losses[-PATIENCE:].min() > best + max(8 * noise(losses[:-PATIENCE]), 0.1 * abs(best)))
