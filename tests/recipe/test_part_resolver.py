"""The components of a recipe are found by name, and their options checked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from recipe_problems import BASE, TUNED

from cvkit import Component, Origin, hookimpl
from cvkit.errors import RecipeError
from cvkit.host.catalog import PluginStatus, catalog_of
from cvkit.recipe import Recipe, read_text, resolve


def test_computed_default_is_left_to_the_factory(check):
    """A default that is no literal is not handed over as its source text."""
    assert check(BASE, "model=toy/Alpha").model.options == {"extra": {}}


def test_factory_that_takes_any_option_gets_what_is_written(check):
    """Undeclared options pass through a factory's `**options` as the recipe writes them."""
    recipe = check(BASE, "model={name: anything, depth: [1, 2], auto: auto}")
    assert recipe.model.options == {"depth": [1, 2], "auto": "auto"}


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("model=net", "'toy/net'"),
        ("model=toy/Alfa", "'toy/Alpha'"),
        ("model=3", "3"),
        ("model=null", "null"),
        ("loss={smoothing: 1}", "{smoothing: 1}"),
        ("scheduler=one_cycle", "'max_lr'"),
        ("explainers=cam", "'cam'"),
        ("train=null", "null"),
        ("scheduler={name: constant, x: 1}", "'x'"),
    ],
)
def test_part_that_is_not_one_says_what_would_be(refused, override, named, wording):
    """Unknown, ambiguous, missing and misshapen parts each have their own words."""
    (problem,) = refused(BASE, override)
    assert problem.file == f"--set {override}"
    assert named in f"{problem.message} {problem.hint}"
    assert str(problem) == wording


def test_component_of_a_plugin_that_failed_names_the_failure(catalog):
    """A name that a broken plugin would have provided leads to the plugin."""
    broken = catalog_of({})
    origin = next(iter(catalog.statuses)).origin
    broken.statuses.append(PluginStatus(origin, 0.0, failure="ImportError: no module named 'acme'"))
    with pytest.raises(RecipeError, match="ImportError: no module named 'acme'") as caught:
        resolve(read_text(BASE), broken)
    assert "'torch'" in str(caught.value)


def test_causes_of_broken_plugins_are_told_once(catalog, wording):
    """At the end, however many names are unknown; a full id has its plugin's name beneath it."""
    broken = catalog_of({})
    for name in ("torch", "toy", "other"):
        status = PluginStatus(Origin(name, "dist", "1"), 0.0, failure=f"ImportError: no {name}s")
        broken.statuses.append(status)
    with pytest.raises(RecipeError) as refusal:
        resolve(read_text(BASE, ["model=other/net"]), broken)
    *unknown, last = refusal.value.problems
    assert len(unknown) >= 4
    assert [str(refusal.value).count(f"ImportError: no {name}s") for name in ("torch", "toy", "other")] == [1, 1, 1]
    (named,) = [problem for problem in unknown if "'other/net'" in problem.message]
    assert "'other'" in named.hint
    assert all(f"ImportError: no {name}s" in last.hint for name in ("other", "torch", "toy"))
    assert [str(named), str(last)] == wording


def test_only_the_plugin_of_a_full_id_is_told_of(catalog):
    """Where every name that is unknown says its plugin, the others have nothing to do with it."""
    broken = catalog_of({})
    broken.registries = catalog.registries
    for name in ("bad", "worse"):
        broken.statuses.append(PluginStatus(Origin(name, "dist", "1"), 0.0, failure=f"ImportError: {name}"))
    with pytest.raises(RecipeError) as refusal:
        resolve(read_text(BASE, ["model=bad/net"]), broken)
    assert "ImportError: bad" in str(refusal.value)
    assert "worse" not in str(refusal.value)


@pytest.fixture
def offering(catalog):
    """Resolve a recipe against the toy catalog and one more model, declared as told."""

    def offering(component: Component) -> Recipe:
        plugin = SimpleNamespace(cvkit_models=hookimpl(lambda: [component]))
        more = catalog_of({"acme": plugin})
        more.registries = catalog.registries | {"models": more["models"]}
        return resolve(read_text(BASE, [f"model={component.name}"], file="x.yaml"), more)

    return offering


@pytest.mark.parametrize(
    ("target", "named"),
    [
        ("crooked", "width"),
        ("named", "'name'"),
        ("nothing_there", "'toy_factories:nothing_there'"),
    ],
)
def test_component_that_breaks_its_contract_is_told_before_it_is_built(offering, target, named, wording):
    """What a factory takes is compared with what its kind is given; else the run would fail on it."""
    component = Component("thing", f"toy_factories:{target}")
    with pytest.raises(RecipeError) as caught:
        offering(component)
    (problem,) = caught.value.problems
    assert problem.file == "--set model=thing"
    assert "'acme/thing'" in problem.message
    assert named in problem.message
    assert str(problem) == wording


def test_factory_of_any_number_of_arguments_is_taken_at_its_word(offering):
    """``*supplied`` takes what a run supplies, however much."""
    assert offering(Component("thing", "toy_factories:any_number")).model.options == {"width": 1}


def test_component_says_what_it_needs_and_is_not_there(offering, wording):
    """The command that installs it is part of the message."""
    with pytest.raises(RecipeError) as caught:
        offering(Component("thing", "toy_factories:anything", requires=("torch", "nowhere>=2")))
    assert "pip install 'nowhere>=2'" in str(caught.value)
    assert str(caught.value) == wording


def test_requirement_of_a_component_that_is_none_is_its_authors_mistake(offering, wording):
    """A mistake in a declaration is reported as the plugin's."""
    with pytest.raises(RecipeError, match="'two words'") as caught:
        offering(Component("thing", "toy_factories:anything", requires=("two words",)))
    assert str(caught.value) == wording


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("tuners=[]", "scheduler.max_lr"),
        ("tuners.0.set=scheduler.mx_lr", "'scheduler.max_lr'"),
        ("tuners.0.set=model.width", "'model.width'"),
        ("tuners.0.set=train.epochs", "'train.epochs'"),
        ("tuners.0.set=''", "''"),
        ("tuners.0.set=optimizer.lr", "'optimizer.lr'"),
        ("tuners.0.set=3", "'range_test'"),
        ("tuners=[range_test]", "'range_test'"),
        ("tuners.0.steps=2", "'steps'"),
        (
            "tuners=[{name: range_test, set: scheduler.max_lr}, {name: range_test, set: scheduler.max_lr}]",
            "'scheduler.max_lr'",
        ),
        ("train.epochs=auto", "'auto'"),
    ],
)
def test_auto_and_tuners_must_fit_together(refused, override, named, wording):
    """Each difference between them is reported."""
    problem = refused(TUNED, override)[0]
    assert named in f"{problem.message} {problem.hint}"
    assert str(problem) == wording


def test_setting_is_never_left_auto_by_a_tuner(refused):
    """A tuner that names a setting does not let `auto` through where a number is needed."""
    problems = refused(TUNED, "tuners.0.set=train.epochs", "train.epochs=auto")
    assert str(refused(TUNED, "train.epochs=auto")[0]) in map(str, problems)


def test_missing_option_that_a_tuner_would_set_is_told_once(refused, wording):
    """The hint is `auto`, and the tuner's own line is not blamed as well."""
    (problem,) = refused(TUNED, "scheduler={name: one_cycle}", "scheduler=one_cycle")
    assert "max_lr: auto" in problem.hint
    assert str(problem) == wording
