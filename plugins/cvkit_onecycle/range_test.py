"""The learning-rate range test: train a copy at rates that grow step by step, and see how far the loss follows.

Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3. The raw losses are kept and
smoothed afterwards without lag: a running average would shift the curve towards higher rates.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, PositiveFloat

from cvkit import Proposal, Run, RunError

from .sweep import Floats, Sweep, has_diverged

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def lr_range_test(
    run: Run,
    *,
    start_lr: PositiveFloat = 1e-3,
    end_lr: PositiveFloat = 10.0,
    steps: Annotated[int, Field(ge=20)] = 100,
    factor: PositiveFloat = 1.0,
) -> Proposal:
    """Sweep the learning rate exponentially over a trial of `run`, and propose the highest that still pays.

    `start_lr`, `end_lr`: the ends of the sweep. `steps`: optimizer steps between them. `factor`: what the rate
    found is multiplied by. The rate found is the lowest by which the smoothed loss has done 90 % of its fall:
    beyond it, a higher rate gains little. The sweep ends early when the loss is not finite or stays
    far above its best. Nothing of it stays behind in the run. Raises `RunError` unless `end_lr` is above `start_lr`.
    """
    if not start_lr < end_lr:
        raise RunError(f"lr_range_test: end_lr ({end_lr:g}) must be above start_lr ({start_lr:g})")
    sweep = run_sweep(run, np.geomspace(start_lr, end_lr, steps))
    index, reason = sweep.knee()
    value = None if index is None else float(f"{sweep.rates[index] * factor:.3g}")
    if index is not None and factor != 1:
        reason += f", times {factor:g}"
    return Proposal(
        value=value,
        reason=reason,
        title="Learning-rate range test",
        caption=f"Loss on training batches while the rate grows with every step: {reason}; {sweep.stopped}.",
        data=sweep.data() | {"proposal": value, "reason": reason},
        draw=lambda figure: draw(figure, sweep, value),
    )


def run_sweep(run: Run, rates: Floats) -> Sweep:
    """Train a trial of `run` for one step at each of `rates`, until done or diverged."""
    losses: list[float] = []
    stopped = f"the sweep ran to its end at {rates[-1]:.3g}"
    with run.trial("lr range test") as trial:
        for rate, loss in zip(rates, trial.steps_at(rates), strict=False):
            if not math.isfinite(loss):
                stopped = f"the loss was no longer finite at {rate:.3g}"
                break
            losses.append(loss)
            if has_diverged(np.array(losses)):
                stopped = f"the loss had diverged by {rate:.3g}"
                break
    return Sweep(rates[: len(losses)], np.array(losses), len(rates), stopped)


def draw(figure: Figure, sweep: Sweep, value: float | None) -> None:
    """Draw raw and smoothed loss over the rate, and the rate proposed."""
    axes = figure.subplots()
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    axes.plot(sweep.rates, sweep.losses, ".", color="0.65", markersize=4, label="each step")
    axes.plot(sweep.rates, sweep.smoothed, color="C0", label="smoothed")
    if value is not None:
        axes.axvline(value, color="C1", linestyle="--", label=f"proposed: {value:.3g}")
    low, high = sweep.smoothed.min(), sweep.smoothed.max()
    # Raw losses past divergence would flatten everything worth seeing.
    axes.set_ylim(low - 0.15 * (high - low), high + 0.25 * (high - low))
    axes.legend(loc="best", frameon=False)
