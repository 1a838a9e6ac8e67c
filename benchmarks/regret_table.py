"""Compute the regret of proposed learning rates on a grid of trained rates, and format the tables."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Rates = Sequence[float | None]


@dataclass(frozen=True)
class Curve:
    """The mean test accuracy of each trained rate: `rates` are ascending, `accuracies` are in [0, 1]."""

    rates: Sequence[float]
    accuracies: Sequence[float]

    @property
    def best(self) -> float:
        """The rate with the highest accuracy."""
        return self.rates[int(np.argmax(self.accuracies))]

    def accuracy(self, rate: float) -> float:
        """Return the accuracy at `rate`, interpolated linearly in log rate; outside the grid, that of its end."""
        return float(np.interp(np.log10(rate), np.log10(self.rates), self.accuracies))

    def regret(self, rate: float) -> float:
        """Return the difference between the highest accuracy and that at `rate` in percentage points."""
        return 100 * (max(self.accuracies) - self.accuracy(rate))

    def outside(self, rate: float) -> bool:
        """Return whether `rate` is outside the grid."""
        return not self.rates[0] <= rate <= self.rates[-1]


@dataclass(frozen=True)
class Outcome:
    """The rates that a rule proposed in a case, one per seed (None for a refusal), and the `curve` of the case.

    `steps` are the optimizer steps that finding a rate took.
    """

    curve: Curve
    rates: Rates
    steps: float = 0.0

    @property
    def proposed(self) -> list[float]:
        """The proposed rates, without refusals."""
        return [rate for rate in self.rates if rate is not None]

    @property
    def regret(self) -> float | None:
        """The mean regret of the proposed rates in percentage points; None if all were refused."""
        return statistics.mean(map(self.curve.regret, self.proposed)) if self.proposed else None

    @property
    def decades(self) -> float | None:
        """The distance of the mean log rate from the best rate in decades, negative if it is below the best rate."""
        return float(np.log10(self.proposed).mean() - np.log10(self.curve.best)) if self.proposed else None

    def cell(self) -> str:
        """Return the table cell ``rate (regret)``, with a mark at the rate if any rate is outside the grid."""
        if self.regret is None:
            return "refused"
        rate = 10 ** np.log10(self.proposed).mean()
        mark = "*" if any(map(self.curve.outside, self.proposed)) else ""
        return f"{rate:.2g}{mark} ({self.regret:.1f})"


Outcomes = Mapping[str, Mapping[str, Outcome]]
"""Outcomes by the name of the rule, then by the case."""


def by_rule(outcomes: Outcomes) -> str:
    """Return the table of rules, with the lowest mean regret first."""
    ranks = mean_ranks(outcomes)
    lines = [
        "| | mean regret | median | worst | mean rank | refused | decades from the best rate, median "
        "| lowest to highest | cost in steps |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = []
    for name, cases in outcomes.items():
        regrets = [each.regret for each in cases.values() if each.regret is not None]
        decades = [each.decades for each in cases.values() if each.decades is not None]
        refused = sum(rate is None for each in cases.values() for rate in each.rates)
        asked = sum(len(each.rates) for each in cases.values())
        cost = f"{statistics.mean(each.steps for each in cases.values()):.0f}"
        if not regrets:
            row = f"| {name} | - | - | - | {ranks[name]:.1f} | {refused} of {asked} | - | - | {cost} |"
            rows.append((float("inf"), row))
            continue
        mean = statistics.mean(regrets)
        rows.append(
            (
                mean,
                f"| {name} | {mean:.1f} | {statistics.median(regrets):.1f} | {max(regrets):.1f} | {ranks[name]:.1f} "
                f"| {refused} of {asked} | {statistics.median(decades):+.2f} "
                f"| {min(decades):+.2f} to {max(decades):+.2f} | {cost} |",
            )
        )
    return "\n".join(lines + [row for _, row in sorted(rows, key=lambda row: row[0])])


def mean_ranks(outcomes: Outcomes) -> dict[str, float]:
    """Return the mean rank of each rule by its regret in each case; ties share a rank, and refusals come last."""
    places: dict[str, list[float]] = {name: [] for name in outcomes}
    for case in next(iter(outcomes.values())):
        regrets = {name: outcomes[name][case].regret for name in outcomes}
        known = {name: float("inf") if regret is None else regret for name, regret in regrets.items()}
        for name, regret in known.items():
            below = sum(other < regret for other in known.values())
            equal = sum(other == regret for other in known.values())
            places[name].append(below + (equal + 1) / 2)
    return {name: statistics.mean(places[name]) for name in outcomes}


def by_case(outcomes: Outcomes) -> str:
    """Return a table for each optimizer, with a column for each network and a row for each rule.

    The first row contains the best rate and its accuracy. Cases have the name ``network, optimizer``.
    """
    return "\n\n".join(_of_optimizer(outcomes, optimizer) for optimizer in optimizers(outcomes))


def optimizers(outcomes: Outcomes) -> list[str]:
    """Return the optimizers of the cases in order of appearance."""
    return list(dict.fromkeys(case.rpartition(", ")[2] for case in next(iter(outcomes.values()))))


def _of_optimizer(outcomes: Outcomes, optimizer: str) -> str:
    first = next(iter(outcomes.values()))
    cases = [case for case in first if case.endswith(f", {optimizer}")]
    curves = [first[case].curve for case in cases]
    best = [f"{curve.best:.2g} ({100 * max(curve.accuracies):.1f} %)" for curve in curves]
    lines = [
        f"| {optimizer} | {' | '.join(case.rpartition(', ')[0] for case in cases)} |",
        "| --- " * (len(cases) + 1) + "|",
        f"| best rate (accuracy) | {' | '.join(best)} |",
    ]
    lines += [
        f"| {name} | {' | '.join(by_case[case].cell() for case in cases)} |" for name, by_case in outcomes.items()
    ]
    return "\n".join(lines)
