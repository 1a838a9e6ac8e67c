"""The checks that every suite makes, how a suite finds its component, and how skips are kept honest."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Literal

import pytest
from masked import without_numbers, without_quotes
from pydantic import Field, NonNegativeFloat
from torch import nn

import cvkit.testing
from cvkit import KINDS, Component, hookimpl
from cvkit.host.catalog import catalog_of
from cvkit.testing import ContractBroken, LossSuite, OptimizerSuite, Suite


def mean_loss(info, *, kind: Literal["plain", "smooth"] = "plain", smoothing: NonNegativeFloat = 0.1):
    """Return the cross-entropy."""
    return nn.CrossEntropyLoss(label_smoothing=0.0 if kind == "plain" else smoothing)


def takes_two(info, model, *, smoothing: float = 0.0):
    """Return the cross-entropy."""
    return nn.CrossEntropyLoss()


def calls_an_option_name(info, *, name: str = "x"):
    """Return the cross-entropy."""
    return nn.CrossEntropyLoss()


def says_nothing(info):
    return nn.CrossEntropyLoss()


def annotates_nothing(info, *, smoothing=0.0):
    """Return the cross-entropy."""
    return nn.CrossEntropyLoss(label_smoothing=smoothing)


def annotates_with_a_stranger(info, *, smoothing: float = 0.0, weight: nn.Parameter = 1):
    """Return the cross-entropy."""
    return nn.CrossEntropyLoss()


def forgets_a_word(info, *, kind: Literal["plain", "smooth"] = "plain"):
    """Return the cross-entropy."""
    return {"plain": nn.CrossEntropyLoss}[kind]()


def refuses_its_bound(info, *, smoothing: NonNegativeFloat = 0.1):
    """Return the cross-entropy."""
    if smoothing == 0:
        raise ValueError("smoothing must not be 0")
    return nn.CrossEntropyLoss(label_smoothing=smoothing)


def refuses_null(info, *, smoothing: float | None = 0.1):
    """Return the cross-entropy."""
    return nn.CrossEntropyLoss(label_smoothing=max(smoothing, 0))


def refuses_what_does_not_fit_together(info, *, nesterov: bool = False, momentum: NonNegativeFloat = 0.0):
    """Return the cross-entropy, as an optimizer's factory would check its options."""
    if nesterov and not momentum:
        raise ValueError("nesterov: true needs a momentum above 0, such as 0.9")
    return nn.CrossEntropyLoss()


def serves_small_and_refuses_large(info, *, layers: Annotated[int, Field(ge=1, le=8)] = 2):
    """Return the cross-entropy."""
    if layers == 8:
        raise ValueError("too many layers")
    return nn.CrossEntropyLoss()


def must_not_be_asked_for_a_million(info, *, images: Annotated[int, Field(ge=1, le=1_000_000)] = 2):
    """Return the cross-entropy."""
    if images > 1_000:
        raise MemoryError
    return nn.CrossEntropyLoss()


TWINS = [
    ("declaration", takes_two, "(info, model)"),
    ("declaration", calls_an_option_name, "'name'"),
    ("docstring", says_nothing, "'given/says_nothing'"),
    ("readable_options", annotates_nothing, "'smoothing'"),
    ("readable_options", annotates_with_a_stranger, "'nn.Parameter'"),
    ("promised_values", forgets_a_word, "'smooth'"),
    ("promised_values", refuses_its_bound, "smoothing must not be 0"),
    ("promised_values", serves_small_and_refuses_large, "too many layers"),
    ("promised_values", refuses_null, "float | None"),
]


class TestRight(LossSuite):
    factory = staticmethod(mean_loss)
    options = {"kind": "smooth"}


class TestRightWithOptionsThatDoNotFitTogether(LossSuite):
    factory = staticmethod(refuses_what_does_not_fit_together)


class TestRightWithALimitOfTheMachine(LossSuite):
    factory = staticmethod(must_not_be_asked_for_a_million)


class TestRightWithOptionsFromAFixture(LossSuite):
    factory = staticmethod(mean_loss)

    @pytest.fixture(params=["plain", "smooth"])
    def options(self, request):
        return {"kind": request.param}

    def test_the_fixture_gives_the_attribute(self, request):
        """What the suite builds with is the fixture's value, not the fixture."""
        assert self.options == {"kind": request.node.callspec.params["options"]}


@pytest.mark.parametrize(("check", "twin", "value"), TWINS, ids=[f"{c}-{t.__name__}" for c, t, _ in TWINS])
def test_check_catches_its_broken_twin(check, twin, value, seen, wording):
    """What the twin does wrong is what the failure says was seen, with its own names and numbers."""
    said = seen(LossSuite, check, twin)
    assert value in said
    assert without_quotes(without_numbers(said)) == wording


LIBRARY = """
class Blur:
    def __init__(self, weight=1, smoothing: "float | None" = 0.1):
        self.smoothing = smoothing + 0
"""
FAMILY = """
from torch import nn
from library_of_test_suite import Blur

class Shift:
    def __init__(self, weight=1, smoothing: float = 0.1):
        self.smoothing = smoothing

def names():
    return ["Blur", "Shift"]

def make(name, info, *, smooth: bool = True, **options):
    globals()[name](**options)
    return nn.CrossEntropyLoss()
"""


class PassesOn:
    """A plugin whose family passes options on, to a class of its own or of a library."""

    @hookimpl
    def cvkit_losses(self):
        package = "family_of_test_suite"
        yield Component("*", f"{package}:make", members=f"{package}:names", options_of=f"{package}:{{name}}")


@pytest.fixture
def family(tmp_path, monkeypatch):
    """The plugin's catalog, its modules there to be imported."""
    for name, source in (("library_of_test_suite", LIBRARY), ("family_of_test_suite", FAMILY)):
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return catalog_of({"acme": PassesOn()})


def test_options_passed_on_within_the_plugin_are_to_be_readable(family, seen, wording):
    """They are the author's own; those of a library's class are as they are."""
    said = seen(LossSuite, "readable_options", component="acme/Shift", catalog=family)
    assert "'weight'" in said
    assert said == wording
    type("Right", (LossSuite,), {"component": "acme/Blur", "catalog": family})().test_readable_options()


def test_values_that_a_library_promises_are_to_be_taken(family, seen, wording):
    """Whoever writes a recipe reads the annotation, and does not care whose it is."""
    said = seen(LossSuite, "promised_values", component="acme/Blur", catalog=family)
    assert "'float | None'" in said
    assert without_quotes(said) == wording
    type("Right", (LossSuite,), {"component": "acme/Shift", "catalog": family})().test_promised_values()


class Undescribed:
    """A plugin whose component has no summary."""

    @hookimpl
    def cvkit_losses(self):
        yield Component("plain", "torch.nn:CrossEntropyLoss")


def test_summary_that_is_missing_is_caught(seen, wording):
    """A component comes from a catalog, and its declaration is looked at too."""
    catalog = catalog_of({"acme": Undescribed()})
    assert seen(LossSuite, "summary", component="acme/plain", catalog=catalog) == wording


def test_every_check_has_a_twin():
    """No check is trusted that has never failed; that of the summary has a test of its own."""
    assert {check for check, *_ in TWINS} | {"summary"} == Suite.checks()


def test_every_kind_has_its_suite():
    """One suite a kind, each exported."""
    exported = [getattr(cvkit.testing, name) for name in cvkit.testing.__all__]
    suites = [held for held in exported if isinstance(held, type) and issubclass(held, Suite) and held is not Suite]
    assert sorted(suite.kind.name for suite in suites) == sorted(KINDS)


def test_checks_are_those_of_cvkit():
    """A class's own tests are no part of the contract, nor is a check less so that the class hides."""
    own = type("Own", (LossSuite,), {"test_order": None, "test_of_its_own": lambda self: None})
    assert own.checks() == LossSuite.checks()


def test_names_are_all_there():
    """What is announced can be imported, and nothing else is made up."""
    assert set(dir(cvkit.testing)) == set(cvkit.testing.__all__)
    with pytest.raises(AttributeError, match="ModelSuit"):
        cvkit.testing.ModelSuit  # noqa: B018  # reading it is the point


def test_components_are_found_among_the_installed_plugins():
    """An id, or a short name that is unique, as in a recipe."""
    for name in ("torch/sgd", "sgd"):
        suite = type("Named", (OptimizerSuite,), {"component": name})()
        assert suite.entry.id == "torch/sgd"


@pytest.mark.parametrize(
    ("attributes", "values"),
    [
        ({}, ["`component`", "`factory`"]),
        ({"component": "sdg"}, ["'sdg'", "'sgd'"]),
        ({"component": "sgd", "options": {"momentun": 0.5}}, ["'momentun'", "'momentum'"]),
        ({"component": "sgd", "options": {"lr": -1}}, ["-1"]),
        ({"component": "sgd", "options": {"momentum": 0, "nesterov": True}}, ["momentum"]),
    ],
    ids=["nothing", "name", "option", "value", "values together"],
)
def test_suite_says_what_is_wrong_with_itself(attributes, values, wording):
    """A name, option or value that no recipe could use fails in words, before any check of the component."""
    suite = type("Wrong", (OptimizerSuite,), attributes)()
    with pytest.raises(ContractBroken) as raised:
        suite.test_optimizer()
    assert all(value in str(raised.value) for value in values)
    assert str(raised.value) == wording


def test_options_are_passed_on_as_a_recipe_does():
    """Lists become tuples where the annotation says so."""
    suite = type("Adam", (OptimizerSuite,), {"component": "adamw", "options": {"betas": [0.8, 0.9]}})()
    assert suite.build().defaults["betas"] == (0.8, 0.9)


def test_failure_says_contract_then_what_was_seen_then_what_next(wording):
    """Three lines, the last where it is known."""
    error = ContractBroken("what all do", "what this one did", "what to do")
    assert str(error) == wording
    lines = str(error).splitlines()
    assert [line.rpartition(": ")[2] for line in lines] == ["what all do", "what this one did", "what to do"]
    assert str(ContractBroken("what all do", "what this one did")).splitlines() == lines[:2]


def test_modules_load_without_pytest():
    """The checks are plain methods, which any program may call."""
    for name in ("suite", "models", "tuners", "host"):
        assert "pytest" not in vars(importlib.import_module(f"cvkit.testing.{name}"))
