"""What a recipe asks of a race: the candidates, the budget in steps, and the images to judge by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cvkit import RunParts, usual_range

from .race_plan import MOST, SHORTEST, Plan, plan_race, rounded, spread


@dataclass(frozen=True)
class Judging:
    """The images to judge by: `count` validation images, or training images that no trial trains on."""

    validation: bool
    count: int

    @classmethod
    def of(cls, run: RunParts, most: int) -> Judging:
        """Return at most `most` validation images, or if there are none, at most a fifth of the training images."""
        if (validation := run.splits.validation) is not None:
            return cls(True, min(most, len(validation)))
        return cls(False, max(1, min(most, len(run.splits.train) // 5)))

    def __str__(self) -> str:
        return f"{self.count:,} {'validation' if self.validation else 'held-out training'} images"


@dataclass(frozen=True)
class Request:
    """A request to race values of the option `target`: `values`, or `count` values from `low` to `high`.

    `usual` is the usual range of the option, if it is a learning rate. The race may take the fraction `share` of the
    `planned` steps of the run.
    """

    target: str
    low: float
    high: float
    values: tuple[float, ...]
    count: int
    usual: tuple[float, float] | None
    open_ended: bool
    share: float
    planned: int
    orders: int
    judging: Judging

    @classmethod
    def of(
        cls,
        run: RunParts,
        target: str,
        *,
        low: float | None,
        high: float | None,
        values: Sequence[float] | None,
        candidates: int,
        budget: float,
        orders: int,
        images: int,
    ) -> Request:
        """Return the request; raise `ValueError` if the options do not say which candidates to race."""
        usual = usual_range(run.recipe, target)
        given = tuple(sorted(set(values or ())))
        if given and (low or high):
            raise ValueError("values and a range exclude each other; leave out low and high")
        if values and len(given) < 2:
            raise ValueError(f"values has one value, {given[0]:g}; a race needs at least two")
        first, last = (given[0], given[-1]) if given else (low or (usual or (0,))[0], high or (usual or (0,))[-1])
        if not given and not (first and last):
            raise ValueError(
                f"low and high are required for {target}, because only a peak learning rate has a usual range, and "
                f"only if the optimizer declares it ({run.recipe.optimizer.entry.id})"
            )
        if not first < last:
            raise ValueError(f"high ({last:g}) must be above low ({first:g})")
        if not given and len(set(spread(first, last, candidates))) < candidates:
            raise ValueError(
                f"the range from {first:g} to {last:g} is too narrow for {candidates} candidates, which have three "
                "digits; widen it, or write `values`"
            )
        judging = Judging.of(run, images)
        open_ended = not given and low is None and high is None
        count = len(given) or candidates
        return cls(target, first, last, given, count, usual, open_ended, budget, run.planned_steps, orders, judging)

    @property
    def budget(self) -> int:
        """The most optimizer steps that the race may take."""
        return int(self.share * self.planned)

    @cached_property
    def plan(self) -> Plan | None:
        """The race that the budget allows, if it allows one. Given values are not left out."""
        return plan_race(self.budget, self.count, self.orders, fewest=len(self.values) or 2)

    @property
    def middle(self) -> float | None:
        """The middle of the optimizer's usual range on a log scale, unless the recipe names other candidates."""
        return rounded(math.sqrt(self.low * self.high)) if self.open_ended else None

    def candidates(self, plan: Plan) -> list[float]:
        """Return the candidates of the first rung."""
        return list(self.values) or spread(self.low, self.high, plan.sizes[0])

    def announcement(self, plan: Plan) -> str:
        """Return what will be trained, what that costs, and what the budget is too short for."""
        values = self.candidates(plan)
        later = "".join(
            f", then {n} for {steps} steps" for n, steps in zip(plan.sizes[1:], plan.steps[1:], strict=True)
        )
        orders = f", each in {plan.orders} orders of the data" if plan.orders > 1 else ""
        short = " and ".join(self._left_out(plan))
        return (
            f"training {len(values)} values from {values[0]:g} to {values[-1]:g} for {plan.steps[0]} steps each"
            f"{later}{orders}: at most {plan.cost:,} steps, {100 * plan.cost / self.planned:.1f} % of the run's "
            f"{self.planned:,}; the loss on {self.judging} decides"
            + (f"; a budget of {self.budget:,} steps is too short for {short}" if short else "")
        )

    def _left_out(self, plan: Plan) -> Iterator[str]:
        if plan.sizes[0] < self.count:
            yield f"{self.count} values"
        if plan.orders < self.orders:
            yield f"{self.orders} orders of the data"
        if len(plan.sizes) == 1 and plan.sizes[0] >= 4:
            yield "a second rung"

    def refusal(self) -> str:
        """Return why there is no race, what is proposed instead, and which budget allows one."""
        fewest = len(self.values) or 2
        needed = math.ceil(1000 * fewest * SHORTEST / self.planned) / 1000
        instead = ""
        if self.middle is not None:
            instead = f", so this is the middle of the usual range, {self.low:g} to {self.high:g}, without a race"
        advice = f"set budget: {needed:g} for a race" if needed <= MOST else f"no budget up to {MOST} allows a race"
        return (
            f"a budget of {self.budget:,} steps ({self.share:g} of the run's {self.planned:,}) is too short to train "
            f"{fewest} values for {SHORTEST} steps each{instead}; {advice}"
        )

    def data(self) -> dict[str, Any]:
        """Return the request as JSON-ready values."""
        return {
            "usual": None if self.usual is None else list(self.usual),
            "budget_steps": self.budget,
            "run_steps": self.planned,
            "judged_on": {"half": "validation" if self.judging.validation else "train", "images": self.judging.count},
        }
