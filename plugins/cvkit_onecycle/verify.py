"""Compare candidate learning rates by training each briefly from the same weights and testing on held-out images."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from cvkit import RunParts

STEPS = 100
"""Training steps of each candidate."""

WARM_UP = 20
"""Steps in which the rate rises to the candidate; in the remaining steps it falls to almost zero."""

HELD_OUT = 1000
"""Training images that a verification holds out to compare candidates, at most a fifth of all."""

APART = 3.0
"""Ratio between neighbouring candidates: half a decade."""


@dataclass(frozen=True)
class RateCandidate:
    """A learning `rate` with the mean loss and accuracy on the held-out images after training.

    Both are None if the training diverged: a loss was not finite, or the last loss was not below that of the
    untrained weights.
    """

    rate: float
    loss: float | None
    accuracy: float | None

    @property
    def loss_text(self) -> str:
        """The loss as text."""
        return "diverged" if self.loss is None else f"{self.loss:.3f}"

    def data(self) -> dict[str, Any]:
        """Return the candidate as JSON-ready values."""
        return asdict(self)


def verified(run: RunParts, rate: float) -> list[RateCandidate]:
    """Train with `rate` and with the rates half a decade below and above it, and return them, the best first.

    Each training starts from the initial weights of the run and uses the same images in the same order. The order is
    by mean loss on held-out training images, which depend on the seed of the run; diverged trainings come last.
    """
    candidates = [trained(run, float(f"{rate * ratio:.3g}")) for ratio in (1 / APART, 1.0, APART)]
    return sorted(candidates, key=lambda candidate: math.inf if candidate.loss is None else candidate.loss)


def trained(run: RunParts, rate: float) -> RateCandidate:
    """Train a trial of `run` for `STEPS` steps with the peak `rate`, and test it on the held-out images."""
    held_out = max(1, min(HELD_OUT, len(run.splits.train) // 5))
    with run.trial("lr verification", hold_out=held_out) as trial:
        untrained = trial.held_out().loss
        if all(map(math.isfinite, trial.steps_at(triangle(rate)))):
            judged = trial.held_out()
            if judged.loss < untrained:
                return RateCandidate(rate, judged.loss, judged.accuracy)
    return RateCandidate(rate, None, None)


def triangle(peak: float) -> Iterable[float]:
    """Yield the learning rate of each step: linearly up to `peak`, then linearly down to almost zero.

    A schedule reaches and leaves its peak in the same way. With a constant rate, noise would dominate the result.
    """
    for step in range(STEPS):
        yield peak * min((step + 1) / WARM_UP, (STEPS - step) / (STEPS - WARM_UP))
