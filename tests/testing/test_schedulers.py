"""The checks of schedules: a right one passes each, and each catches a schedule made to break it."""

from __future__ import annotations

import pytest
import torch
from masked import without_numbers, without_quotes
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler

from cvkit import StepPlan
from cvkit.testing import SchedulerSuite, Suite


def line(optimizer, plan):
    """Go in a straight line to zero."""
    return LambdaLR(optimizer, lambda step: 1 - step / plan.total_steps)


class TestRight(SchedulerSuite):
    factory = staticmethod(line)


def warms_up_and_stays(optimizer, plan):
    return LambdaLR(optimizer, lambda step: min((step + 1) / (0.4 * plan.total_steps), 1))


def drops_halfway(optimizer, plan):
    return LambdaLR(optimizer, lambda step: 1 if step < plan.total_steps / 2 else 0.1)


def goes_up_and_down(optimizer, plan):
    return LambdaLR(optimizer, lambda step: 1 - abs(2 * step / plan.total_steps - 1))


def restarts_every_epoch(optimizer, plan):
    return LambdaLR(optimizer, lambda step: 1 - step % plan.steps_per_epoch / plan.steps_per_epoch)


def ends_after_fifteen_steps(optimizer, plan):
    return LambdaLR(optimizer, lambda step: max(1 - step / 15, 0))


@pytest.mark.parametrize(
    "schedule",
    [warms_up_and_stays, drops_halfway, goes_up_and_down, restarts_every_epoch, ends_after_fifteen_steps],
)
def test_schedules_of_another_shape_span_their_plan(schedule):
    """What stays level on purpose, or does not follow the run's length, is right too."""
    type("Right", (SchedulerSuite,), {"factory": staticmethod(schedule)})().test_spans_plan()


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
def test_a_line_spans_the_shortest_plans(steps):
    """A run may have fewer steps than there are halves to compare."""
    plan = StepPlan(steps_per_epoch=steps, epochs=1)
    type("Right", (SchedulerSuite,), {"factory": staticmethod(line), "plan": plan})().test_spans_plan()


def falls_below_zero(optimizer, plan):
    return LambdaLR(optimizer, lambda step: 1 - step / plan.steps_per_epoch)


def divides_by_zero(optimizer, plan):
    return LambdaLR(optimizer, lambda step: float("inf") if step == 5 else 1.0)


def is_one_step_short(optimizer, plan):
    rates = torch.linspace(1, 0, plan.total_steps - 1).tolist()
    return LambdaLR(optimizer, lambda step: rates[step])


def restarts_halfway(optimizer, plan):
    half = plan.total_steps // 2
    return LambdaLR(optimizer, lambda step: 1 - step % half / half)


def comes_back_up(optimizer, plan):
    return CosineAnnealingLR(optimizer, T_max=plan.total_steps // 2)


def ends_halfway(optimizer, plan):
    return LambdaLR(optimizer, lambda step: max(1 - step / (plan.total_steps / 2), 0))


def ends_halfway_above_zero(optimizer, plan):
    return LambdaLR(optimizer, lambda step: max(1 - step / plan.total_steps, 0.5))


class CountsOnItsOwn(LRScheduler):
    """Halves the rate at its own count of steps, which its state does not hold."""

    def __init__(self, optimizer, plan):
        self.half, self.count = plan.total_steps // 2, -1
        super().__init__(optimizer)

    def get_lr(self):
        self.count += 1
        return [rate * (0.5 if self.count > self.half else 1) for rate in self.base_lrs]

    def state_dict(self):
        return {"last_epoch": self.last_epoch}


class KeepsAFunction(LRScheduler):
    """Its state holds a function, which no checkpoint can."""

    def __init__(self, optimizer, plan):
        self.shape = lambda step: 1.0
        super().__init__(optimizer)

    def get_lr(self):
        return [rate * self.shape(self.last_epoch) for rate in self.base_lrs]


class SetsOneRate(LRScheduler):
    def __init__(self, optimizer, plan):
        self.total = plan.total_steps
        super().__init__(optimizer)

    def get_lr(self):
        return [0.1 * (1 - self.last_epoch / self.total)] * len(self.base_lrs)


class NeedsMomentum(LRScheduler):
    def __init__(self, optimizer, plan):
        super().__init__(optimizer)

    def get_lr(self):
        for group in self.optimizer.param_groups:
            group["momentum"] = min(group["momentum"], 0.95)
        return self.base_lrs


TWINS = [
    ("finite", falls_below_zero, "-"),
    ("finite", divides_by_zero, "inf"),
    ("planned_steps", is_one_step_short, "IndexError"),
    ("spans_plan", restarts_halfway, "20"),
    ("spans_plan", comes_back_up, "21"),
    ("spans_plan", ends_halfway, "20"),
    ("spans_plan", ends_halfway_above_zero, "0.05"),
    ("resume", CountsOnItsOwn, ""),
    ("resume", KeepsAFunction, "CheckpointError"),
    ("group_ratios", SetsOneRate, "(0.1, 0.01)"),
    ("any_optimizer", NeedsMomentum, "KeyError: 'momentum'"),
]


@pytest.mark.parametrize(("check", "twin", "value"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    said = seen(SchedulerSuite, check, twin)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == SchedulerSuite.checks() - Suite.checks()
