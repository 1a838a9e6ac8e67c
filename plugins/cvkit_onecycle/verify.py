"""Candidates for a learning rate, trained briefly from the same weights and judged on images they never saw."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from cvkit import RunParts

STEPS = 100
"""Steps that each candidate trains for."""

WARM_UP = 20
"""Of these, the steps that the rate takes to rise to the candidate; it falls to near zero over the others."""

HELD_OUT = 1000
"""Training images that a verification judges by and does not train on, but at most a fifth of all."""

APART = 3.0
"""The ratio of a candidate to the next: half a decade."""


@dataclass(frozen=True)
class RateCandidate:
    """A learning `rate`, and what it led to: mean loss and accuracy on the images held out.

    Both are None where it diverged: where a loss was not finite, or the last no lower than that of untrained weights.
    """

    rate: float
    loss: float | None
    accuracy: float | None

    @property
    def told(self) -> str:
        """The loss in words."""
        return "diverged" if self.loss is None else f"{self.loss:.3f}"

    def data(self) -> dict[str, Any]:
        """Return the candidate as JSON-ready values."""
        return asdict(self)


def verified(run: RunParts, rate: float) -> list[RateCandidate]:
    """Train `rate` and the rates half a decade to either side of it, and return them ranked, the best first.

    Each starts from the run's initial weights and sees the same images in the same order. They are ranked by the mean
    loss on images held out of the training set, a function of the run's seed; one that diverged ranks last.
    """
    candidates = [trained(run, float(f"{rate * ratio:.3g}")) for ratio in (1 / APART, 1.0, APART)]
    return sorted(candidates, key=lambda candidate: math.inf if candidate.loss is None else candidate.loss)


def trained(run: RunParts, rate: float) -> RateCandidate:
    """Train a trial of `run` for `STEPS` steps with a peak of `rate`, and judge it on the images held out."""
    held_out = max(1, min(HELD_OUT, len(run.splits.train) // 5))
    with run.trial("lr verification", hold_out=held_out) as trial:
        untrained = trial.held_out().loss
        if all(map(math.isfinite, trial.steps_at(triangle(rate)))):
            judged = trial.held_out()
            if judged.loss < untrained:
                return RateCandidate(rate, judged.loss, judged.accuracy)
    return RateCandidate(rate, None, None)


def triangle(peak: float) -> Iterable[float]:
    """Yield the learning rate of each step: up to `peak` in a straight line, and down to near zero.

    A rate that is a schedule's peak is reached and left like that; held to the end it would be judged by its noise.
    """
    for step in range(STEPS):
        yield peak * min((step + 1) / WARM_UP, (STEPS - step) / (STEPS - WARM_UP))
