"""The learning-rate range test: train copies at rates that grow step by step, and see how far the loss follows.

Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3. The raw losses are kept and
smoothed afterwards without lag: a running average would shift the curve towards higher rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PositiveFloat

from cvkit import Proposal, RunError, RunParts

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
    """Sweep the learning rate exponentially over trials of `run`, and propose the highest that still pays.

    `start_lr`, `end_lr`: the ends of a sweep. `steps`: optimizer steps between them. `orders`: sweeps, each over
    another order of the data; the median of their rates counts. `pick`: the rule whose rate is proposed. `factor`:
    what that rate is multiplied by. `verify`: whether it and its neighbours train briefly, and the best is proposed.
    The rule ``cvkit`` takes the lowest rate by which the smoothed loss has done 90 % of its fall: beyond it, a higher
    rate gains little. A sweep ends early when the loss is not finite or stays far above its best. Nothing is proposed
    where sweeps tell no rate, or their rates lie more than half a decade apart. Nothing stays behind in the run.
    Raises `RunError` unless `end_lr` is above `start_lr`.
    """
    if not start_lr < end_lr:
        raise RunError(f"lr_range_test: end_lr ({end_lr:g}) must be above start_lr ({start_lr:g})")
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
    )


def choose_rate(sweeps: Sequence[Sweep], pick: str, finding: Finding, factor: float) -> tuple[float | None, str]:
    """Return the rate to propose, None for none, and the reason."""
    if refused := rejection_reason(sweeps, finding):
        return None, refused
    rate = finding.rate or 0.0  # a verdict that is empty says there is one
    rule = "the smoothed loss has done 90% of its fall" if pick == "cvkit" else f"the rule {pick} points"
    reason = f"{rule} at {rate:g}"
    if len(sweeps) > 1:
        reason += f" (median of {len(sweeps)} orders of the data, IQR {finding.iqr:.2f} decades)"
    return float(f"{rate * factor:.3g}"), reason + (f", times {factor:g}" if factor != 1 else "")


def choose_verified_rate(candidates: Sequence[RateCandidate], reason: str) -> tuple[float | None, str]:
    """Return the best of the candidates, None where all diverged, and the reason."""
    best, tried = candidates[0], ", ".join(f"{rate:g}" for rate in sorted(each.rate for each in candidates))
    reason += f"; of {tried}, each tried for {STEPS} steps, "
    if best.loss is None:
        return None, reason + "all diverged"
    return best.rate, reason + f"{best.rate:g} has the lowest held-out loss"


@dataclass(frozen=True)
class RangeTestOutcome:
    """All that a range test measured and told."""

    sweeps: Sequence[Sweep]
    found: dict[str, Finding]
    pick: str
    value: float | None
    reason: str
    candidates: Sequence[RateCandidate]

    def caption(self) -> str:
        """Say what the figure shows."""
        ends = "; ".join(dict.fromkeys(sweep.stopped for sweep in self.sweeps))
        shown = (
            f"Above, loss on training batches while the rate grows with every step: {self.reason}. How the sweeps "
            f"ended: {ends}. Below, the rate that each rule tells: median, quartiles and each order of the data."
        )
        if self.candidates:
            losses = ", ".join(f"{each.rate:g}: {each.told}" for each in self.candidates)
            shown += f" Loss on training images held out, after {STEPS} steps from the same weights: {losses}."
        return shown

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
