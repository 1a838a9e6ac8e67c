"""The outcome of a race: the value to propose, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .race import APART, Rung
from .race_plan import Plan
from .race_request import Request


@dataclass(frozen=True)
class Outcome:
    """The rungs of a race that was requested and planned."""

    request: Request
    plan: Plan
    rungs: Sequence[Rung]

    @property
    def value(self) -> float | None:
        """The value to propose; None if every training of the last rung diverged."""
        return self.rungs[-1].winner.value if self.rungs[-1].ranked else None

    @property
    def level(self) -> list[float]:
        """The values of the last rung that are not distinguished from the best."""
        return [each.value for each in self.rungs[-1].level]

    @property
    def steps(self) -> int:
        """The optimizer steps of all planned trainings; a training that diverged ended earlier."""
        return self.plan.orders * sum(rung.steps * len(rung.candidates) for rung in self.rungs)

    @property
    def reason(self) -> str:
        """Why this value, or why none."""
        last, value = self.rungs[-1], self.value
        if value is None:
            lowest = last.candidates[0].value
            return f"every training diverged, also with {lowest:g}; set low and high to lower values"
        raced = f"of {_listed([each.value for each in last.candidates])}, each trained for {last.steps} steps"
        if len(self.level) == 1:
            return f"it has the lowest loss on {self.request.judging} {raced}{self._end(value)}"
        best = last.ranked[0].value
        return (
            f"it is the middle of {_listed(self.level)}, which cannot be distinguished from the best, {best:g}, by "
            f"the loss on {self.request.judging}, {raced}"
        )

    def _end(self, value: float) -> str:
        """Return a warning if better values may be beyond the candidates."""
        trained = {each.value for rung in self.rungs for each in rung.candidates}
        for end, side in ((min(trained), "lower"), (max(trained), "higher")):
            if value == end:
                return f"; it is at the end of the candidates, so a {side} one may be better: set low and high"
        return ""

    @property
    def caption(self) -> str:
        """The caption of the figure."""
        diverged = [each.value for rung in self.rungs for each in rung.candidates if each.losses is None]
        orders = "one order" if self.plan.orders == 1 else f"{self.plan.orders} orders"
        shown = (
            f"Loss on {self.request.judging} after short trainings from the same weights, with the recipe's schedule "
            f"in fewer steps, in {orders} of the data. Bars: {APART:g} standard errors of the difference from the "
            f"best candidate. Result: {self.reason}. The race took {self.steps:,} steps, "
            f"{100 * self.steps / self.request.planned:.1f} % of the run's {self.request.planned:,}."
        )
        return shown + (f" Diverged: {_listed(sorted(set(diverged)))}." if diverged else "")

    @property
    def description(self) -> str:
        """The loss of each candidate in each rung, in words."""
        return " ".join(
            f"After {rung.steps} steps: "
            + ", ".join(
                f"{each.value:g} {'diverged' if each.losses is None else f'loss {each.loss:.3g}'}"
                for each in rung.candidates
            )
            + "."
            for rung in self.rungs
        )

    def data(self) -> dict[str, Any]:
        """Return everything as JSON-ready values."""
        return self.request.data() | {
            "proposal": self.value,
            "reason": self.reason,
            "steps": self.steps,
            "orders": self.plan.orders,
            "not_told_apart": self.level,
            "rungs": [rung.data() for rung in self.rungs],
        }


def _listed(values: Sequence[float]) -> str:
    """Return the values as text, the last one after "and"."""
    texts = [f"{value:g}" for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
