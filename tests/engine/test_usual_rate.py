"""Optimizers declare the learning rates that usually train well, and a proposal outside them is reported."""

from __future__ import annotations

import pytest

from cvkit import Component, Origin, PluginError, Proposal, discover, hookimpl, usual_range
from cvkit.engine.usual_rate import unusual_rate, unusual_rate_used
from cvkit.host.registry import Entry
from cvkit.kinds import KINDS
from cvkit.recipe import read_text, resolve

RECIPE = "{dataset: shapes, model: custom_resnet, optimizer: adamw, scheduler: {name: one_cycle, max_lr: 0.1}}"


TUNER = "tuners=[{name: lr_range_test, set: scheduler.max_lr}]"


def recipe(*overrides):
    return resolve(read_text(RECIPE, [TUNER, *overrides]), discover())


def said_of(made, value, report=unusual_rate):
    """What is said of a value that the tuner proposes."""
    return report(made, made.tuners[0], Proposal(value, "", ""))


@pytest.mark.parametrize(
    ("optimizer", "target", "usual"),
    [
        ("adamw", "scheduler.max_lr", (3e-4, 2e-2)),
        ("sgd", "optimizer.lr", (0.03, 1.0)),
        ("timm/lion", "scheduler.max_lr", (3e-5, 5e-3)),
        ("timm/adabelief", "scheduler.max_lr", None),
        ("adamw", "optimizer.weight_decay", None),
    ],
)
def test_usual_range_is_that_of_the_optimizer_for_a_learning_rate(optimizer, target, usual):
    assert usual_range(recipe(f"optimizer={optimizer}"), target) == usual


@pytest.mark.parametrize(("value", "said"), [(0.317, True), (1e-5, True), (0.005, False), (0.02, False)])
def test_proposal_outside_the_usual_range_is_reported(value, said):
    assert bool(said_of(recipe(), value)) is said


@pytest.mark.parametrize(("rate", "said"), [("auto", True), ("0.01", False)])
def test_run_reports_a_proposal_only_if_it_uses_it(rate, said):
    assert bool(said_of(recipe(f"scheduler.max_lr={rate}"), 0.317, unusual_rate_used)) is said


def test_report_of_an_unusual_proposal_names_both(wording):
    assert said_of(recipe(), 0.317) == wording


@pytest.mark.parametrize("value", [None, "fast", [0.1]])
def test_proposal_that_is_no_number_is_not_compared(value):
    assert said_of(recipe(), value) == ""


def no_pair(name):
    return (1.0, 0.1)


def failing(name):
    raise KeyError(name)


@pytest.mark.parametrize("of_members", [no_pair, failing], ids=lambda function: function.__name__)
def test_family_that_declares_something_else_is_named(of_members, wording):
    """With the plugin, as for its other declarations."""
    component = Component("*", "a:b", members="a:c", usual_lr=f"{__name__}:{of_members.__name__}")
    entry = Entry(KINDS["optimizers"], component, Origin("acme", "acme", "1.0"), "fast")
    with pytest.raises(PluginError) as caught:
        entry.usual_lr()
    assert str(caught.value).replace(__name__, "module") == wording


@pytest.mark.parametrize(
    ("hook", "declared"),
    [
        ("cvkit_optimizers", {"usual_lr": (1.0, 0.1)}),
        ("cvkit_optimizers", {"usual_lr": 0.1}),
        ("cvkit_models", {"usual_lr": (0.1, 1.0)}),
        ("cvkit_models", {"forecast": "a:b"}),
    ],
    ids=["falling", "one number", "a model", "forecast of a model"],
)
def test_wrong_declaration_is_refused(hook, declared, wording):
    def declare(self):
        yield Component("odd", "a:b", **declared)

    declare.__name__ = hook
    plugin = type("Plugin", (), {hook: hookimpl(declare)})()
    with pytest.raises(PluginError) as caught:
        discover().admit(Origin("acme", "acme", "1.0"), plugin)
    assert str(caught.value) == wording
