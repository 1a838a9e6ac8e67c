"""The checks of optimizers: a right one passes each, and each catches an optimizer made to break it."""

from __future__ import annotations

import pytest
import torch
from masked import without_numbers, without_quotes
from torch.optim import SGD, Optimizer

from cvkit.testing import OptimizerSuite, Suite


class Heavy(Optimizer):
    """Heavy-ball descent written out, its velocity kept in the state; twins change one step."""

    def __init__(self, params):
        super().__init__(params, {"lr": 0.05})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(self.velocity(parameter), alpha=self.rate(group))

    def velocity(self, parameter):
        return self.state[parameter].setdefault("v", torch.zeros_like(parameter)).mul_(0.9).add_(parameter.grad)

    def rate(self, group):
        return group["lr"]


class TestRight(OptimizerSuite):
    factory = staticmethod(Heavy)


class NotAnOptimizer:
    def __init__(self, params):
        self.params = params


def forgets_a_parameter(params):
    return SGD(list(params)[1:], lr=0.1)


class KnowsOneRate(Heavy):
    def rate(self, group):
        return 0.05


class NamesItsRateOtherwise(Heavy):
    def __init__(self, params):
        Optimizer.__init__(self, params, {"step_size": 0.05})


class Climbs(Heavy):
    def rate(self, group):
        return -group["lr"]


class RemembersElsewhere(Heavy):
    def __init__(self, params):
        super().__init__(params)
        self.elsewhere = {}

    def velocity(self, parameter):
        return self.elsewhere.setdefault(parameter, torch.zeros_like(parameter)).mul_(0.9).add_(parameter.grad)


class KeepsAnObject(Heavy):
    def velocity(self, parameter):
        self.state[parameter]["history"] = {1, 2}
        return super().velocity(parameter)


class DecaysWhatIsFrozen(Heavy):
    @torch.no_grad()
    def step(self, closure=None):
        super().step()
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.mul_(1 - 0.1 * group["lr"])


def merges_groups(params):
    given = list(params)
    return Heavy([weight for group in given for weight in group["params"]] if isinstance(given[0], dict) else given)


class IgnoresItsClosure(Heavy):
    needs_closure = True


class SwitchesTwice(Heavy):
    def train(self):
        pass

    @torch.no_grad()
    def eval(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.mul_(0.99 if group["lr"] else 1.0)


TWINS = [
    ("optimizer", NotAnOptimizer, "NotAnOptimizer"),
    ("holds_parameters", forgets_a_parameter, "7"),
    ("learning_rates", KnowsOneRate, "0"),
    ("learning_rates", NamesItsRateOtherwise, "`lr`"),
    ("lowers_quadratic", Climbs, "50"),
    ("groups", merges_groups, "None"),
    ("resume", RemembersElsewhere, ""),
    ("resume", KeepsAnObject, "CheckpointError"),
    ("closure", IgnoresItsClosure, "1"),
    ("modes", SwitchesTwice, "eval"),
    ("leaves_frozen", DecaysWhatIsFrozen, ""),
]


@pytest.mark.parametrize(("check", "twin", "value"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    said = seen(OptimizerSuite, check, twin)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == OptimizerSuite.checks() - Suite.checks()
