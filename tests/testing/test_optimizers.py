"""The checks of optimizers: a right one passes each, and each catches an optimizer made to break it."""

from __future__ import annotations

import pytest
import torch
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


TWINS = [
    ("optimizer", NotAnOptimizer, "the factory returned NotAnOptimizer"),
    ("holds_parameters", forgets_a_parameter, "8 parameters were given, and 7 are held"),
    ("learning_rates", KnowsOneRate, "weights move at a learning rate of 0"),
    ("learning_rates", NamesItsRateOtherwise, "group 0 has no `lr`"),
    ("lowers_quadratic", Climbs, "in 50 steps"),
    ("resume", RemembersElsewhere, "three steps later weights differ"),
    ("resume", KeepsAnObject, "it raised CheckpointError"),
    ("leaves_frozen", DecaysWhatIsFrozen, "it moves them"),
]


@pytest.mark.parametrize(("check", "twin", "words"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, words, seen):
    """What the twin does wrong is what the failure says was seen."""
    assert words in seen(OptimizerSuite, check, twin)


def test_every_check_has_a_twin():
    """No check is trusted that has never failed."""
    assert {check for check, *_ in TWINS} == OptimizerSuite.checks() - Suite.checks()
