"""Run a learning-rate sweep: a trial takes one optimizer step at each of a series of increasing rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cvkit import RunParts

from .curve import Floats, has_diverged, sigma_of, smoothed_losses
from .rules import RULES


@dataclass(frozen=True)
class Sweep:
    """The raw mean losses, float64 (m,), at the first m of the `planned` rates, float64 (n,).

    `stopped` describes how the sweep ended.
    """

    planned: Floats
    losses: Floats
    stopped: str

    @property
    def rates(self) -> Floats:
        """The rates that were reached, float64 (m,)."""
        return self.planned[: len(self.losses)]

    @cached_property
    def smoothed(self) -> Floats:
        """The losses smoothed without lag, float64 (m,)."""
        return smoothed_losses(self.losses, sigma_of(len(self.planned)))

    @cached_property
    def rate_by_rule(self) -> dict[str, float | None]:
        """The rate that each rule in `RULES` finds in this sweep."""
        return {name: rule(self.planned, self.losses) for name, rule in RULES.items()}

    def data(self) -> dict[str, Any]:
        """Return the sweep as JSON-ready values."""
        return {
            "rates": self.rates.tolist(),
            "losses": self.losses.tolist(),
            "smoothed": self.smoothed.tolist(),
            "stopped": self.stopped,
        }


def run_sweep(run: RunParts, rates: Floats, order: int = 0) -> Sweep:
    """Train a trial of `run` for one step at each of `rates`; stop if the loss diverges or is not finite.

    `order` is the number of the order of the samples and of the random draws.
    """
    losses: list[float] = []
    stopped = f"the sweep reached its last rate {rates[-1]:.3g}"
    with run.trial("lr range test", order) as trial:
        for rate, loss in zip(rates, trial.steps_at(rates), strict=True):
            if not math.isfinite(loss):
                stopped = f"the loss was no longer finite at {rate:.3g}"
                break
            losses.append(loss)
            if has_diverged(np.array(losses)):
                stopped = f"the loss had diverged by {rate:.3g}"
                break
    return Sweep(rates, np.array(losses), stopped)
