"""Combine the learning rates that a rule reads from several sweeps: their median and their spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .knee import sweep_problem
from .rules import RULES
from .sweep import Sweep

SPREAD = 0.5
"""Largest distance between the quartiles, in decades, at which the orders of the data count as agreeing."""


@dataclass(frozen=True)
class Finding:
    """The rate that a rule found in each sweep, or None for a sweep without a rate."""

    rates: tuple[float | None, ...]

    @property
    def found_rates(self) -> list[float]:
        """The rates of the sweeps in which the rule found one."""
        return [rate for rate in self.rates if rate is not None]

    @property
    def rate(self) -> float | None:
        """The median of the rates on a log scale, to three digits; None unless most sweeps have a rate."""
        if 2 * len(self.found_rates) <= len(self.rates):
            return None
        return float(f"{10 ** np.median(np.log10(self.found_rates)):.3g}")

    @property
    def quartiles(self) -> tuple[float, float]:
        """The first and third quartile of the rates, interpolated on a log scale."""
        low, high = 10 ** np.percentile(np.log10(self.found_rates), [25, 75])
        return float(low), float(high)

    @property
    def iqr(self) -> float | None:
        """The distance between the quartiles in decades; None unless several sweeps have a rate."""
        return float(np.log10(self.quartiles[1] / self.quartiles[0])) if len(self.found_rates) > 1 else None

    def data(self) -> dict[str, Any]:
        """Return the finding as JSON-ready values."""
        return {"rate": self.rate, "iqr": self.iqr, "rates": list(self.rates)}


def findings(sweeps: Sequence[Sweep]) -> dict[str, Finding]:
    """Return the finding of each rule in `RULES` for `sweeps`."""
    return {name: Finding(tuple(sweep.rate_by_rule[name] for sweep in sweeps)) for name in RULES}


def rejection_reason(sweeps: Sequence[Sweep], finding: Finding) -> str:
    """Return why no rate can be proposed from `sweeps`, or "" if the rate of `finding` can be proposed.

    No rate is proposed if at least half of the sweeps have a problem, if the rule found no rate in most of them, or
    if the orders of the data do not agree.
    """
    reasons = Counter(reason for sweep in sweeps if (reason := sweep_problem(sweep.planned, sweep.losses)))
    if 2 * reasons.total() >= len(sweeps):
        return reasons.most_common(1)[0][0]
    if finding.rate is None:
        return "the rule found no rate in most of the sweeps because they are too short for it"
    if (iqr := finding.iqr or 0.0) > SPREAD:
        return f"the orders of the data do not agree: the rates are {iqr:.2f} decades apart (IQR, at most {SPREAD})"
    return ""
