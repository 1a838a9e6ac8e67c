"""The checks of schedulers, as required by training and checkpoints."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from ..checkpoint.serialization import pack, unpack
from ..engine.step_plan import StepPlan
from ..kinds import KINDS
from .contract import promise
from .suite import Suite

_RATES = (0.1, 0.01)


class SchedulerSuite(Suite):
    """The checks that every scheduler must pass.

    Attributes:
        plan: The planned steps of the run, by default 4 epochs of 10 steps.
    """

    kind = KINDS["schedulers"]
    plan: StepPlan = StepPlan(steps_per_epoch=10, epochs=4)

    def supplied(self) -> tuple[Optimizer, StepPlan]:
        """Return an optimizer with two parameter groups, and the plan."""
        return (_sgd(), self.plan)

    def _walk(self, optimizer: Optimizer, scheduler: Any, steps: int) -> list[list[tuple[Any, ...]]]:
        """Step both, as a run does, and return the rate and momentum of each group after every step."""
        seen = []
        for _ in range(steps):
            optimizer.step()
            scheduler.step()
            seen.append([_setting(group) for group in optimizer.param_groups])
        return seen

    def _rates(self, plan: StepPlan | None = None) -> list[list[float]]:
        """Return the rate of each group at every step of `self.plan`, with a scheduler built for `plan`."""
        optimizer, own = self.supplied()
        scheduler = self.build(optimizer, plan or own)
        first = [_setting(group) for group in optimizer.param_groups]
        walked = self._walk(optimizer, scheduler, own.total_steps - 1)
        return [[rate for rate, *_ in groups] for groups in [first, *walked]]

    def test_finite(self) -> None:
        """No learning rate is negative, infinite or NaN."""
        with promise("every scheduler sets finite learning rates that are not negative") as broken:
            for step, rates in enumerate(self._rates()):
                for rate in rates:
                    if not 0 <= rate < float("inf"):
                        broken(f"the learning rate is {rate} at step {step}")

    def test_planned_steps(self) -> None:
        """The scheduler can be stepped after every planned optimizer step except the last."""
        steps = self.plan.total_steps
        with promise(
            f"a scheduler can be stepped between all planned steps: {steps - 1} times for {steps} steps"
        ) as broken:
            optimizer = _sgd()
            scheduler = self.build(optimizer, self.plan)
            for step in range(1, steps):
                try:
                    self._walk(optimizer, scheduler, 1)
                except Exception as error:
                    broken(f"call {step} of step() raised {type(error).__name__}: {error}", "Use plan.total_steps")

    def test_spans_plan(self) -> None:
        """A schedule that depends on the length of the run neither rises after a fall nor ends in the first half.

        A schedule depends on the length if its rates are different for a run of twice the epochs. Other schedules,
        such as a decay every few epochs, are not restricted. A schedule ends in the first half if its rate is
        constant in the second half, lower than an earlier rate, and was changed at most steps of the first half. If
        cycles are intended, such as warm restarts at fractions of a run, skip this check with that reason.
        """
        with promise("a schedule that depends on the length of the run falls once, over the complete run") as broken:
            rates, longer = ([first for first, _ in self._rates(plan)] for plan in (self.plan, _twice(self.plan)))
            if rates == longer:
                return
            advice = "Compute it from plan.total_steps; if cycles are intended, skip this check with that reason"
            moves = [_direction(before, after, max(rates)) for before, after in pairwise(rates)]
            fall = moves.index(-1) if -1 in moves else len(moves)
            if 1 in moves[fall:]:
                rise = moves.index(1, fall)
                broken(f"the rate falls at step {fall + 1} and rises again at step {rise + 1}", advice)
            half = len(rates) // 2
            early, late = moves[:half], moves[half:]
            if late and not any(late) and 2 * sum(map(abs, early)) > half and rates[-1] < max(rates):
                broken(f"from step {half} of {len(rates)}, the rate is constant at {rates[-1]:.4g}", advice)

    def test_resume(self) -> None:
        """After restoring from a checkpoint at any step, the rates are exactly the same."""
        steps = self.plan.total_steps - 1
        for stop in (0, 1, steps // 2, steps - 1):
            with promise("a scheduler restored from a checkpoint sets exactly the same rates") as broken:
                optimizer = _sgd()
                scheduler = self.build(optimizer, self.plan)
                self._walk(optimizer, scheduler, stop)
                packed, tensors = pack({"scheduler": scheduler.state_dict(), "optimizer": optimizer.state_dict()})
                state = unpack(json.loads(json.dumps(packed)), tensors)
                other = _sgd()
                resumed = self.build(other, self.plan)
                resumed.load_state_dict(state["scheduler"])
                other.load_state_dict(state["optimizer"])
                going_on = self._walk(optimizer, scheduler, steps - stop)
                for after, pair in enumerate(zip(going_on, self._walk(other, resumed, steps - stop), strict=True), 1):
                    if pair[0] != pair[1]:
                        broken(
                            f"restored after step {stop}, step {stop + after} gets {pair[1]} instead of {pair[0]}",
                            "Return everything that affects the rate from state_dict()",
                        )

    def test_group_ratios(self) -> None:
        """The ratios between the learning rates of parameter groups do not change."""
        with promise("a scheduler keeps the ratios between the learning rates of parameter groups") as broken:
            ratio = _RATES[1] / _RATES[0]
            for step, (first, second) in enumerate(self._rates()):
                if abs(second - first * ratio) > 1e-6 * abs(first):
                    broken(
                        f"the rates are {first:.4g} and {second:.4g} at step {step}, but started as {_RATES}",
                        "Scale the initial rate of each group",
                    )

    def test_any_optimizer(self) -> None:
        """The scheduler works with momentum, without it, and with Adam's betas."""
        for make in (SGD, AdamW):
            with promise(f"a scheduler works with every optimizer, here {make.__name__} with torch's defaults"):
                optimizer = make(nn.Linear(2, 2).parameters(), lr=0.1)
                self._walk(optimizer, self.build(optimizer, self.plan), self.plan.total_steps - 1)


def _twice(plan: StepPlan) -> StepPlan:
    return StepPlan(plan.steps_per_epoch, 2 * plan.epochs)


def _direction(before: float, after: float, highest: float) -> int:
    """Return 1 for a rise, -1 for a fall, and 0 for a difference that may be a rounding error."""
    return 0 if abs(after - before) <= 1e-9 * highest else 1 if after > before else -1


def _sgd() -> SGD:
    """Return an optimizer with two groups that have the learning rates in `_RATES`."""
    groups = [{"params": [nn.Parameter(torch.ones(2))], "lr": rate} for rate in _RATES]
    return SGD(groups, lr=_RATES[0], momentum=0.9)


def _setting(group: dict[str, Any]) -> tuple[Any, ...]:
    """Return the settings of a group that a scheduler may change: the rate, and the momentum or betas."""
    return (float(group["lr"]), *(group[key] for key in ("momentum", "betas") if key in group))
