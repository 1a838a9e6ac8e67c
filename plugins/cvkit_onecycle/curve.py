"""Smooth the loss curve of a learning-rate sweep, estimate its noise, and detect divergence."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH = 0.04
"""Standard deviation of the smoothing as a fraction of the planned steps: 4 points of 100."""

PATIENCE = 5
"""Number of consecutive losses above the limit after which a sweep counts as diverged."""


def sigma_of(planned: int) -> float:
    """Return the standard deviation of the smoothing in points, at least 2; a smaller one would hardly smooth."""
    return max(2.0, WIDTH * planned)


def smoothed_losses(losses: Floats, sigma: float) -> Floats:
    """Return losses smoothed on a log scale by a Gaussian centred on each point.

    The centred Gaussian avoids a lag, and the log scale reduces the effect of peaks.
    """
    curve: Floats = np.exp(smooth(np.log(losses.clip(min=1e-12)), sigma))
    return curve


def smooth(values: Floats, sigma: float) -> Floats:
    """Return `values` smoothed by a Gaussian of `sigma` points, with weights renormalised at both ends."""
    positions = np.arange(len(values))
    weights = np.exp(-0.5 * ((positions[:, None] - positions[None]) / sigma) ** 2)
    curve: Floats = weights @ values / weights.sum(axis=1)
    return curve


def uncertainty(losses: Floats, sigma: float) -> float:
    """Return the standard error of a smoothed loss: the noise over the root of the number of averaged points."""
    return noise(losses) / math.sqrt(2 * math.sqrt(math.pi) * sigma)


def noise(losses: Floats) -> float:
    """Estimate the standard deviation of the noise from the median absolute difference of neighbouring losses.

    For normal noise, the factor 1.4826 converts a median absolute deviation to a standard deviation. The root of 2
    accounts for the noise of both points in a difference.
    """
    if len(losses) < 2:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(losses))) / math.sqrt(2))


def has_diverged(losses: Floats) -> bool:
    """Return whether each of the last `PATIENCE` losses is far above the best loss before them.

    Far means at least 8 standard deviations of the noise and at least a tenth of the best loss. The best loss is the
    lowest median of `PATIENCE` consecutive losses, so that a single lucky batch does not set the limit.
    """
    if len(losses) <= 2 * PATIENCE:
        return False
    medians = np.median(np.lib.stride_tricks.sliding_window_view(losses[:-PATIENCE], PATIENCE), axis=1)
    best = float(medians.min())
    return bool(losses[-PATIENCE:].min() > best + max(8 * noise(losses[:-PATIENCE]), 0.1 * abs(best)))
