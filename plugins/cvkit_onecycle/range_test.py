"""The learning-rate range test: train a copy at rates that grow step by step, and see where the loss falls fastest.

Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3. The raw losses are kept and
smoothed afterwards without lag: a running average would shift the curve towards higher rates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveFloat

from cvkit import Proposal, Run, RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
_SIGMA = 0.04  # width of the smoothing as a fraction of the planned steps: 4 points of 100
_PATIENCE = 5  # losses in a row above the limit before the sweep counts as diverged
_NOISE_FACTOR = 8.0  # how many times the noise a loss must exceed the best by to count as too high


def lr_range_test(
    run: Run,
    *,
    start_lr: PositiveFloat = 1e-4,
    end_lr: PositiveFloat = 10.0,
    steps: Annotated[int, Field(ge=20)] = 100,
    factor: PositiveFloat = 1.0,
) -> Proposal:
    """Sweep the learning rate exponentially over a trial of `run`, and propose the rate where the loss falls fastest.

    `start_lr`, `end_lr`: the ends of the sweep. `steps`: optimizer steps between them. `factor`: what the
    steepest point is multiplied by to give the proposal. The sweep stops early when the loss is not finite or
    stays far above its best. Nothing of it stays behind in the run. Raises `RunError` if `end_lr` is not above
    `start_lr`.
    """
    if not start_lr < end_lr:
        raise RunError(f"lr_range_test: end_lr ({end_lr:g}) must be above start_lr ({start_lr:g})")
    sweep = run_sweep(run, np.geomspace(start_lr, end_lr, steps))
    value, reason = sweep.proposal(factor)
    return Proposal(
        value=value,
        reason=reason,
        title="Learning-rate range test",
        caption=f"Loss on training batches while the rate grows with every step. {reason.capitalize()}.",
        data=sweep.data() | {"proposal": value, "reason": reason},
        draw=lambda figure: sweep.draw(figure, value),
    )


@dataclass(frozen=True)
class Sweep:
    """What a sweep measured: a raw mean loss for each rate it reached, of `planned` rates."""

    rates: Floats
    losses: Floats
    planned: int
    stopped: str

    @property
    def smoothed(self) -> Floats:
        """The losses smoothed on a log scale by a Gaussian centred on each point, so that nothing lags."""
        return np.exp(smooth(np.log(np.maximum(self.losses, 1e-12)), _SIGMA * self.planned))

    def steepest(self) -> int:
        """Return the index where log loss falls fastest per decade of rate, up to the smoothed minimum."""
        smoothed = self.smoothed
        lowest = int(np.argmin(smoothed))
        if lowest < 2:
            return 0
        slope = np.gradient(np.log(smoothed), np.log(self.rates))
        return int(np.argmin(slope[: lowest + 1]))

    def proposal(self, factor: float) -> tuple[float | None, str]:
        """Return the rate to use, or None, and the reason in one clause."""
        if len(self.losses) < 10:
            return None, f"the loss diverged after {len(self.losses)} steps; start the sweep at a lower rate"
        smoothed, index = self.smoothed, self.steepest()
        descent = smoothed[: max(3, index // 2 + 1)].max() - smoothed.min()
        if index == 0 or descent < 2 * noise(self.losses) / math.sqrt(_SIGMA * self.planned):
            return None, "the loss did not fall at any rate, so there is no steepest descent to choose"
        value = float(f"{self.rates[index] * factor:.3g}")
        times = "" if factor == 1 else f", times {factor:g}"
        return value, f"the smoothed loss falls fastest at {self.rates[index]:.3g}{times}; {self.stopped}"

    def data(self) -> dict[str, Any]:
        """Return the sweep as JSON-ready values; losses that are not finite become null."""
        return {
            "rates": self.rates.tolist(),
            "losses": self.losses.tolist(),
            "smoothed": self.smoothed.tolist() if len(self.losses) else [],
            "stopped": self.stopped,
        }

    def draw(self, figure: Figure, value: float | None) -> None:
        """Draw raw and smoothed loss over the rate, and the proposed rate."""
        axes = figure.subplots()
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
        axes.plot(self.rates, self.losses, ".", color="0.6", markersize=4, label="each step")
        axes.plot(self.rates, self.smoothed, color="#0072B2", label="smoothed")
        if value is not None:
            axes.axvline(value, color="#D55E00", linestyle="--", label=f"proposed: {value:.3g}")
        low, high = self.smoothed.min(), self.smoothed.max()
        # Raw losses past divergence would flatten everything worth seeing.
        axes.set_ylim(low - 0.1 * (high - low), high + 0.25 * (high - low))
        axes.legend(loc="best", frameon=False)


def run_sweep(run: Run, rates: Floats) -> Sweep:
    """Train a trial of `run` for one step at each of `rates`, until done or diverged."""
    losses: list[float] = []
    stopped = f"the sweep ran to its end at {rates[-1]:g}"
    with run.trial("lr range test") as trial:
        steps = trial.steps()
        for rate in rates:
            trial.learning_rate = rate
            loss = float(next(steps))
            if not math.isfinite(loss):
                stopped = f"the loss was no longer finite at {rate:.3g}"
                break
            losses.append(loss)
            if has_diverged(losses):
                stopped = f"the loss had diverged by {rate:.3g}"
                break
    return Sweep(rates[: len(losses)], np.array(losses), len(rates), stopped)


def has_diverged(losses: list[float]) -> bool:
    """Return whether the last few losses all lie far above the best few, by the noise of the series."""
    if len(losses) <= 2 * _PATIENCE:
        return False
    series = np.array(losses)
    best = min(np.median(series[i : i + _PATIENCE]) for i in range(len(series) - _PATIENCE))
    spread = noise(series[:-_PATIENCE])
    return bool(series[-_PATIENCE:].min() > best + max(_NOISE_FACTOR * spread, 0.1 * abs(best)))


def noise(losses: Floats) -> float:
    """Return the noise of a series from the median absolute difference of neighbours, as a standard deviation.

    1.4826 makes a median absolute deviation a standard deviation, for normal noise; a difference has sqrt(2) of it.
    """
    return float(1.4826 * np.median(np.abs(np.diff(losses))) / math.sqrt(2))


def smooth(values: Floats, sigma: float) -> Floats:
    """Return `values` smoothed by a Gaussian of `sigma` points, its weights renormalised at the ends."""
    positions = np.arange(len(values))
    weights = np.exp(-0.5 * ((positions[:, None] - positions[None]) / sigma) ** 2)
    smoothed: Floats = weights @ values / weights.sum(axis=1)
    return smoothed
