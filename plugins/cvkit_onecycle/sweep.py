"""What a sweep of learning rates measured, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH = 0.04
"""Standard deviation of the smoothing, as a fraction of the planned steps: 4 points of 100."""

SHARE = 0.9
"""Share of the loss's whole fall that is done at the rate proposed."""

PATIENCE = 5
"""Losses in a row that must lie above the limit before a sweep counts as diverged."""


@dataclass(frozen=True)
class Sweep:
    """A mean loss for each of the `rates` reached, of `planned` ones, float64 (n,); `stopped` says why it ended."""

    rates: Floats
    losses: Floats
    planned: int
    stopped: str

    @cached_property
    def smoothed(self) -> Floats:
        """The losses smoothed by a Gaussian centred on each point, on a log scale: nothing lags, peaks weigh less."""
        return np.exp(smooth(np.log(self.losses.clip(min=1e-12)), self.sigma))

    @property
    def sigma(self) -> float:
        """The smoothing's standard deviation in points; below 2 it would hardly smooth."""
        return max(2.0, WIDTH * self.planned)

    @property
    def uncertainty(self) -> float:
        """The standard error of a smoothed loss: the noise over the root of the points a Gaussian averages."""
        return noise(self.losses) / math.sqrt(2 * math.sqrt(math.pi) * self.sigma)

    def knee(self) -> tuple[int | None, str]:
        """Return the index of the lowest rate by which the smoothed loss has done `SHARE` of its fall, and why.

        The minimum itself is no guide: networks with batch norm go on at nearly the same loss over a decade of
        rates beyond. The index is None where the loss did not clearly fall: then no rate is better than another.
        """
        if len(self.losses) <= 2 * PATIENCE:
            return (
                None,
                f"the loss diverged within {len(self.losses)} steps, so the sweep should start at a lower rate",
            )
        lowest = int(self.smoothed.argmin())
        highest = int(self.smoothed[: lowest + 1].argmax())
        fall = self.smoothed[highest] - self.smoothed[lowest]
        # Pure noise spans about 3 standard errors from its lowest to its highest smoothed point; 6 is a clear fall.
        if fall < 6 * self.uncertainty:
            return None, "the loss did not clearly fall at any rate"
        done = self.smoothed[highest : lowest + 1] <= self.smoothed[highest] - SHARE * fall
        index = highest + int(done.argmax())
        return index, f"the smoothed loss has done {SHARE:.0%} of its fall at {self.rates[index]:.3g}"

    def data(self) -> dict[str, Any]:
        """Return the sweep as JSON-ready values."""
        return {
            "rates": self.rates.tolist(),
            "losses": self.losses.tolist(),
            "smoothed": self.smoothed.tolist(),
            "stopped": self.stopped,
        }


def has_diverged(losses: Floats) -> bool:
    """Return whether the last few losses all lie far above the best few, by the noise of the series before them.

    Far is 8 standard deviations of the noise, and at least a tenth of the best loss.
    """
    if len(losses) <= 2 * PATIENCE:
        return False
    medians = np.median(np.lib.stride_tricks.sliding_window_view(losses[:-PATIENCE], PATIENCE), axis=1)
    best = float(medians.min())
    return bool(losses[-PATIENCE:].min() > best + max(8 * noise(losses[:-PATIENCE]), 0.1 * abs(best)))


def noise(losses: Floats) -> float:
    """Return the standard deviation of a series' noise, from the median absolute difference of neighbours.

    1.4826 turns a median absolute deviation into a standard deviation, for normal noise; a difference holds the
    noise of two points.
    """
    if len(losses) < 2:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(losses))) / math.sqrt(2))


def smooth(values: Floats, sigma: float) -> Floats:
    """Return `values` smoothed by a Gaussian of `sigma` points, its weights renormalised at the ends."""
    positions = np.arange(len(values))
    weights = np.exp(-0.5 * ((positions[:, None] - positions[None]) / sigma) ** 2)
    smoothed: Floats = weights @ values / weights.sum(axis=1)
    return smoothed
