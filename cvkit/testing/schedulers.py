"""What every schedule must do: what a run's loop and its checkpoints rely on."""

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
from .suite import Suite, promise

_RATES = (0.1, 0.01)


class SchedulerSuite(Suite):
    """The checks that every schedule must pass; `plan` is the run it is made for, 4 epochs of 10 steps."""

    kind = KINDS["schedulers"]
    plan: StepPlan = StepPlan(steps_per_epoch=10, epochs=4)

    def supplied(self) -> tuple[Optimizer, StepPlan]:
        """Return an optimizer of two groups, and the plan."""
        return (_sgd(), self.plan)

    def _walk(self, optimizer: Optimizer, scheduler: Any, steps: int) -> list[list[tuple[Any, ...]]]:
        """Step both, as a run does, and return each group's rate and momentum after every step."""
        seen = []
        for _ in range(steps):
            optimizer.step()
            scheduler.step()
            seen.append([_setting(group) for group in optimizer.param_groups])
        return seen

    def _rates(self, plan: StepPlan | None = None) -> list[list[float]]:
        """Return each group's rate at every step of the run, or of as many in a run of another plan."""
        optimizer, own = self.supplied()
        scheduler = self.build(optimizer, plan or own)
        first = [_setting(group) for group in optimizer.param_groups]
        walked = self._walk(optimizer, scheduler, own.total_steps - 1)
        return [[rate for rate, *_ in groups] for groups in [first, *walked]]

    def test_finite(self) -> None:
        """No learning rate is negative, infinite or not a number."""
        with promise("every schedule keeps learning rates finite and at or above 0") as broken:
            for step, rates in enumerate(self._rates()):
                for rate in rates:
                    if not 0 <= rate < float("inf"):
                        broken(f"a learning rate of {rate} at step {step}")

    def test_planned_steps(self) -> None:
        """It can be stepped after every optimizer step of the plan but the last."""
        steps = self.plan.total_steps
        with promise(
            f"a schedule can be stepped between all steps of the plan, {steps - 1} times for {steps}"
        ) as broken:
            optimizer = _sgd()
            scheduler = self.build(optimizer, self.plan)
            for step in range(1, steps):
                try:
                    self._walk(optimizer, scheduler, 1)
                except Exception as error:
                    broken(f"the {step}. time it raised {type(error).__name__}: {error}", "Use plan.total_steps")

    def test_spans_plan(self) -> None:
        """Where it follows the run's length, it neither rises again after a fall nor ends with the first half.

        It follows the length if a run of twice the epochs begins with other rates. One that does not, such as a fall
        every few epochs, may do as it likes. An end is what is lower than a rate before it, comes after a move at
        most steps of the first half, and stays the same throughout the second. Cycles that are meant, such as warm
        restarts as fractions of a run, are a reason to skip this check.
        """
        with promise("a schedule that follows the length of the run comes down once, over all of it") as broken:
            rates, longer = ([first for first, _ in self._rates(plan)] for plan in (self.plan, _twice(self.plan)))
            if rates == longer:
                return
            advice = "Draw it over plan.total_steps; where cycles are meant, skip this check with that reason"
            moves = [_direction(before, after, max(rates)) for before, after in pairwise(rates)]
            fall = moves.index(-1) if -1 in moves else len(moves)
            if 1 in moves[fall:]:
                rise = moves.index(1, fall)
                broken(f"it falls at step {fall + 1}, and rises again at step {rise + 1}", advice)
            half = len(rates) // 2
            early, late = moves[:half], moves[half:]
            if late and not any(late) and 2 * sum(map(abs, early)) > half and rates[-1] < max(rates):
                broken(f"from step {half} of {len(rates)} on it stays at {rates[-1]:.4g}", advice)

    def test_resume(self) -> None:
        """From its state in a checkpoint, at whatever step, it goes on as it would have, to the bit."""
        steps = self.plan.total_steps - 1
        for stop in (0, 1, steps // 2, steps - 1):
            with promise("a schedule goes on from its state in a checkpoint as it would have, to the bit") as broken:
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
                            f"stopped after step {stop}, step {stop + after} gets {pair[1]} instead of {pair[0]}",
                            "Keep in state_dict() whatever the rate depends on",
                        )

    def test_group_ratios(self) -> None:
        """Parameter groups keep the ratio of the learning rates they came with."""
        with promise("a schedule keeps the ratios between the learning rates of parameter groups") as broken:
            ratio = _RATES[1] / _RATES[0]
            for step, (first, second) in enumerate(self._rates()):
                if abs(second - first * ratio) > 1e-6 * abs(first):
                    broken(
                        f"rates {first:.4g} and {second:.4g} at step {step}, where they began as {_RATES}",
                        "Scale each group's own rate",
                    )

    def test_any_optimizer(self) -> None:
        """It works with momentum, without it, and with Adam's betas."""
        for make in (SGD, AdamW):
            with promise(f"a schedule works with every optimizer, here {make.__name__} as torch makes it"):
                optimizer = make(nn.Linear(2, 2).parameters(), lr=0.1)
                self._walk(optimizer, self.build(optimizer, self.plan), self.plan.total_steps - 1)


def _twice(plan: StepPlan) -> StepPlan:
    return StepPlan(plan.steps_per_epoch, 2 * plan.epochs)


def _direction(before: float, after: float, highest: float) -> int:
    """Return 1 for a rise, -1 for a fall, 0 for a difference that may be rounding."""
    return 0 if abs(after - before) <= 1e-9 * highest else 1 if after > before else -1


def _sgd() -> SGD:
    """Return an optimizer of two groups whose learning rates are those of `_RATES`."""
    groups = [{"params": [nn.Parameter(torch.ones(2))], "lr": rate} for rate in _RATES]
    return SGD(groups, lr=_RATES[0], momentum=0.9)


def _setting(group: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a schedule may set of a group: its rate, its momentum or betas."""
    return (float(group["lr"]), *(group[key] for key in ("momentum", "betas") if key in group))
