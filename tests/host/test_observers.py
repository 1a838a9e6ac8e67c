"""Observers: what their hooks receive, and the options that a recipe sets."""

from __future__ import annotations

from typing import Any

import pytest

from cvkit import hookimpl
from cvkit.errors import RecipeError
from cvkit.host.catalog import Catalog, PluginStatus, catalog_of
from cvkit.host.component import Origin
from cvkit.host.discovery import discover
from cvkit.recipe import dump, read_text, resolve

RECIPE = """\
dataset: {name: shapes, train_size: 70, test_size: 30}
model: {name: custom_resnet, width: 2}
optimizer: sgd
"""


class Log:
    """An observer with options, which notes what it is called with."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @hookimpl
    def cvkit_run_started(self, folder, *, every: int = 1):
        self.seen.append(("started", every))

    @hookimpl
    def cvkit_run_finished(self, folder, *, title: str = "a run"):
        self.seen.append(("finished", title))

    @hookimpl
    def cvkit_run_failed(self, error):
        self.seen.append(("failed", error))


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def catalog(log) -> Catalog:
    """cvkit's own plugins, and the observer."""
    catalog = discover(distributions=["cvkit-core"])
    origin = Origin("log", "in-process", "0")
    catalog.admit(origin, log)
    catalog.statuses.append(PluginStatus(origin, 0.0))
    return catalog


def test_options_are_the_keyword_only_parameters_of_observer_hooks(log):
    """Of all hooks of the plugin together; a hook gets those that it takes."""
    catalog = catalog_of({"log": log})
    assert {name: option.default for name, option in catalog.observer_options("log").items()} == {
        "every": 1,
        "title": "a run",
    }
    options = {"log": {"every": 3, "title": "mine"}}
    for event in ("run_started", "run_finished"):
        assert catalog.notify(event, options, folder=None, recipe=None, records=[], predictions=None) == []
    assert catalog.notify("run_failed", options, error="no room", folder=None) == []
    assert log.seen == [("started", 3), ("finished", "mine"), ("failed", "no room")]


def test_a_recipe_sets_them_and_keeps_their_defaults(catalog):
    """As resolved it reads the same again."""
    recipe = resolve(read_text(RECIPE, ["plugins.observers.log.every=2"]), catalog)
    assert recipe.plugins.observers == {"log": {"every": 2, "title": "a run"}}
    assert resolve(read_text(dump(recipe)), catalog) == recipe


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("plugins.observers.log.evry=2", "'every'"),
        ("plugins.observers.log.every=often", "'often'"),
        ("plugins.observers.lgo.every=2", "'log'"),
        ("plugins.observers.log=3", "3"),
        ("plugins.observers.resnet.every=2", "'resnet'"),
    ],
)
def test_a_wrong_option_is_a_mistake_in_the_recipe(catalog, override, named, wording):
    """Found before the run, like one of a component."""
    with pytest.raises(RecipeError) as caught:
        resolve(read_text(RECIPE, [override]), catalog)
    (problem,) = caught.value.problems
    assert problem.file == f"--set {override}"
    assert named in f"{problem.message} {problem.hint}"
    assert str(problem) == wording


def test_options_of_a_disabled_plugin_are_refused(catalog, wording):
    """They would have no effect."""
    catalog = discover({"tensorboard": "plugins.disable"}, (), distributions=["cvkit-core"])
    with pytest.raises(RecipeError) as caught:
        resolve(read_text(RECIPE, ["plugins.observers.tensorboard.figures=false"]), catalog)
    assert str(caught.value) == wording
