"""A factory gets what it names of what a run supplies; with names of its own, the first arguments in order."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from cvkit import KINDS, Component, Origin
from cvkit.host.registry import Entry

FACTORIES = """
def both(optimizer, plan): return optimizer, plan
def turned(plan, optimizer): return plan, optimizer
def one(plan): return plan
def none(*, gamma=1.0): return gamma
def own_names(opt, steps): return opt, steps
def own_name(opt): return opt
def half_own(optimizer, steps): return optimizer, steps
def starred(*supplied): return supplied
def starred_after(first, *others): return first, others
def member(name, plan): return name, plan
def forgets_the_member(plan): ...
def takes_nothing(): ...
def too_many(optimizer, plan, other): ...
class Schedule:
    def __init__(self, plan, optimizer, *, gamma=1.0): self.given = plan, optimizer
class Inheriting(Schedule):
    pass
"""


@pytest.fixture(autouse=True)
def factories(monkeypatch):
    module = ModuleType("supplied_factories")
    exec(FACTORIES, vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)


def entry(name: str, **more: str) -> Entry:
    member = more.pop("member", None)
    component = Component("*" if member else name, f"supplied_factories:{name}", **more)
    return Entry(KINDS["schedulers"], component, Origin("acme", "acme", "1"), member)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("both", ("optimizer", "plan")),
        ("turned", ("plan", "optimizer")),
        ("one", "plan"),
        ("none", 1.0),
        ("own_names", ("optimizer", "plan")),
        ("own_name", "optimizer"),
        ("half_own", ("optimizer", "plan")),
        ("starred", ("optimizer", "plan")),
        ("starred_after", ("optimizer", ("plan",))),
    ],
)
def test_factory_gets_what_it_names(name, given):
    """However many, in whatever order."""
    found = entry(name)
    assert found.contract_violations() == []
    assert found.build("optimizer", "plan") == given


@pytest.mark.parametrize("name", ["Schedule", "Inheriting"])
def test_class_gets_what_its_initialiser_names(name):
    """Its own or an inherited one."""
    assert entry(name).build("optimizer", "plan").given == ("plan", "optimizer")


def test_family_gets_the_name_first():
    """Whatever it names of the rest."""
    found = entry("member", members="supplied_factories:names", member="fast")
    assert found.contract_violations() == []
    assert found.build("optimizer", "plan") == ("fast", "plan")


@pytest.mark.parametrize(("name", "parameters"), [("forgets_the_member", "(plan)"), ("takes_nothing", "()")])
def test_family_that_does_not_take_the_name_breaks_the_contract(name, parameters):
    """It would get the name in place of what it names."""
    (violation,) = entry(name, members="supplied_factories:names", member="fast").contract_violations()
    assert f"are {parameters}" in violation


def test_more_than_a_run_supplies_breaks_the_contract():
    """The message names both."""
    (violation,) = entry("too_many").contract_violations()
    assert "(optimizer, plan, other)" in violation
    assert "(optimizer, plan)" in violation


def test_kind_that_grows_breaks_no_factory():
    """A new argument comes after the others, and goes to those that name it."""
    kind = KINDS["losses"]
    grown = type(kind)(
        **{name: getattr(kind, name) for name in kind.__dataclass_fields__}
        | {"arguments": (*kind.arguments, "counts")}
    )
    for positional, given in ((("info",), ("i",)), (("data",), ("i",)), (("counts",), ("c",)), ((), ())):
        assert grown.can_supply(positional)
        assert grown.given(positional, ("i", "c")) == given


def test_argument_by_name_goes_to_factories_that_name_it_alone():
    """An option that an author forgot to write after a `*` is not mistaken for it, and is reported."""
    kind = KINDS["losses"]
    supplied = ("info", "counts")
    assert kind.given(("info", "class_counts"), supplied) == ("info", "counts")
    assert kind.given(("class_counts",), supplied) == ("counts",)
    assert kind.given(("data",), supplied) == ("info",)
    assert kind.can_supply(("info", "class_counts"))
    assert not kind.can_supply(("info", "width"))
