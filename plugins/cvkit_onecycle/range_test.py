"""The learning-rate range test: train copies of the model while the learning rate grows, and read the loss curve.

Source: Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3. The raw losses are smoothed
afterwards without lag, because a running average would shift the curve towards higher rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat

from cvkit import Proposal, RunParts

from .finding import Finding, findings, rejection_reason
from .picture import draw
from .sweep import Sweep, run_sweep
from .verify import STEPS, RateCandidate, verified


def lr_range_test(
    run: RunParts,
    *,
    start_lr: PositiveFloat = 1e-5,
    end_lr: PositiveFloat = 10.0,
    steps: Annotated[int, Field(ge=20, le=100_000)] = 120,
    orders: Annotated[int, Field(ge=1, le=100)] = 3,
    pick: Literal["cvkit", "valley", "slide", "steep", "minimum", "lr_finder", "lightning"] = "cvkit",
    factor: PositiveFloat = 1.0,
    verify: bool = False,
) -> Proposal:
    """Increase the learning rate exponentially in short trials, and propose the highest rate that is still useful.

    A sweep ends early if the loss is not finite or stays far above its best value. Nothing is proposed if the sweeps
    show no rate or if their rates are more than half a decade apart. The run itself does not change.

    Args:
        run: The parts of the run; every trial trains a copy of the model.
        start_lr: Learning rate at the start of a sweep; above 0.
        end_lr: Learning rate at the end of a sweep; above `start_lr`.
        steps: Optimizer steps of a sweep, 20 to 100,000.
        orders: Number of sweeps, 1 to 100. Each uses another order of the data, and the median of their rates counts.
        pick: Rule that reads the rate from a sweep. ``cvkit`` picks the lowest rate at which the smoothed loss has
            completed 90 % of its decrease, because higher rates improve it little. ``valley``, ``slide``, ``steep``
            and ``minimum`` are rules of fastai; ``lr_finder`` is that of torch-lr-finder and ``lightning`` that of
            Lightning.
        factor: Factor by which the rate is multiplied; above 0.
        verify: Train briefly with the rate and with the rates half a decade below and above it, and propose the best.

    Returns:
        A proposal with the rate, or with None and the reason, and the figure of the sweeps.

    Raises:
        ValueError: `end_lr` is not above `start_lr`.
    """
    if not start_lr < end_lr:
        raise ValueError(f"end_lr ({end_lr:g}) must be above start_lr ({start_lr:g})")
    rates = np.geomspace(start_lr, end_lr, steps)
    sweeps = [run_sweep(run, rates, order) for order in range(orders)]
    found = findings(sweeps)
    value, reason = choose_rate(sweeps, pick, found[pick], factor)
    candidates = verified(run, value) if verify and value is not None else []
    if candidates:
        value, reason = choose_verified_rate(candidates, reason)
    outcome = RangeTestOutcome(sweeps, found, pick, value, reason, candidates)
    return Proposal(
        value=value,
        reason=reason,
        title="Learning-rate range test",
        caption=outcome.caption(),
        data=outcome.data(),
        draw=lambda figure: draw(figure, sweeps, found, pick, value, candidates),
        description=outcome.description(),
    )


def choose_rate(sweeps: Sequence[Sweep], pick: str, finding: Finding, factor: float) -> tuple[float | None, str]:
    """Return the rate to propose, or None, and the reason."""
    if refused := rejection_reason(sweeps, finding):
        return None, refused
    rate = finding.rate or 0.0  # without a reason for rejection, there is a rate
    rule = (
        "the smoothed loss has completed 90% of its decrease at" if pick == "cvkit" else f"the rule {pick} points to"
    )
    reason = f"{rule} {rate:g}"
    if len(sweeps) > 1:
        reason += f" (median of {len(sweeps)} orders of the data, IQR {finding.iqr:.2f} decades)"
    return float(f"{rate * factor:.3g}"), reason + (f", times {factor:g}" if factor != 1 else "")


def choose_verified_rate(candidates: Sequence[RateCandidate], reason: str) -> tuple[float | None, str]:
    """Return the rate of the best candidate, or None if all diverged, and the reason."""
    best, tried = candidates[0], ", ".join(f"{rate:g}" for rate in sorted(each.rate for each in candidates))
    reason += f"; of {tried}, each trained for {STEPS} steps, "
    if best.loss is None:
        return None, reason + "all diverged"
    return best.rate, reason + f"{best.rate:g} has the lowest held-out loss"


@dataclass(frozen=True)
class RangeTestOutcome:
    """All measurements of a range test and its result."""

    sweeps: Sequence[Sweep]
    found: dict[str, Finding]
    pick: str
    value: float | None
    reason: str
    candidates: Sequence[RateCandidate]

    def caption(self) -> str:
        """Return the caption of the figure."""
        ends = "; ".join(dict.fromkeys(sweep.stopped for sweep in self.sweeps))
        shown = (
            f"Top: loss on training batches while the learning rate grows with every step. Result: {self.reason}. "
            f"End of the sweeps: {ends}. Bottom: the rate of each rule, with the median, the quartiles and the rate "
            "of each order of the data."
        )
        if self.candidates:
            losses = ", ".join(f"{each.rate:g}: {each.loss_text}" for each in self.candidates)
            shown += f" Loss on held-out training images after {STEPS} steps from the same weights: {losses}."
        return shown

    def description(self) -> str:
        """Return the course of the losses and the rate of each rule in words."""
        shown = []
        first = self.sweeps[0]
        if len(losses := first.smoothed):
            low, rates = int(losses.argmin()), first.rates
            shown.append(
                f"The smoothed loss of the first order begins at {losses[0]:.3g}, is lowest, {losses[low]:.3g}, at a "
                f"learning rate of {rates[low]:.3g}, and ends at {losses[-1]:.3g} at {rates[-1]:.3g}."
            )
        found = (f"{name} {'none' if of.rate is None else f'{of.rate:g}'}" for name, of in self.found.items())
        return " ".join([*shown, f"Rate of each rule: {', '.join(found)}."])

    def data(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return {
            "proposal": self.value,
            "reason": self.reason,
            "pick": self.pick,
            "rules": {name: finding.data() for name, finding in self.found.items()},
            "sweeps": [sweep.data() for sweep in self.sweeps],
            "candidates": [candidate.data() for candidate in self.candidates],
        }
