"""SEARCH.yaml is checked like a recipe: every mistake at once, with its place, without torch and Optuna."""

from __future__ import annotations

import subprocess
import sys

import pytest
from searching import RECIPE, SEARCH, written

from cvkit import RecipeError, discover
from cvkit.search.reading import SearchFile
from cvkit.search.space import Choices, Range


@pytest.fixture(scope="module")
def catalog():
    return discover()


def problems(file, catalog) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        SearchFile(file).resolve(catalog)
    return [str(problem) for problem in caught.value.problems]


def test_space_has_the_types_of_the_recipe(tmp_path, catalog):
    """Whole ends of an option that is a number stay numbers, and those of an integer are integers."""
    search = SearchFile(written(tmp_path, SEARCH + "name: mine\n")).resolve(catalog)
    assert search.space["optimizer.momentum"] == Range(0, 0.95)
    assert search.space["augmentations.0.padding"] == Choices(("1", "2", "3"))
    assert search.settings.name == "mine"
    text = SEARCH.replace("low: 1e-3, high: 3", "low: 1, high: 3")
    text = text.replace("{choices: [1, 2, 3]}", "{low: 1, high: 3}")
    space = SearchFile(written(tmp_path, text)).resolve(catalog).space
    assert (space["optimizer.lr"].whole, space["augmentations.0.padding"].whole) == (False, True)


def test_all_mistakes_are_reported_together(tmp_path, catalog, wording):
    """Those of the keys, of the space, of its values and of the metric, each with its line and column."""
    text = """\
recipe: base.yaml
space:
  optimizer.lrr: {low: 1e-3, high: 1.0, log: true}
  train.batch_size: {choices: [5, -10]}
  model.width: {low: 8, high: 2}
  optimizer.momentum: 0.9
  seed: {low: 0, high: 2}
  dataset.validation_size: {choices: [10, 20]}
  augmentations.random_crp.padding: {choices: [1]}
max_trial: 4
metric: los
sampler: bayes
"""
    assert "\n".join(problems(written(tmp_path, text), catalog)) == wording


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ("{low: 0, high: 1, log: true}", "above 0"),
        ("{low: 1}", "'high' is missing"),
        ("{low: a, high: 1}", "'low' must be a number"),
        ("{low: 0.1, high: 1, step: -1}", "'step' must be above 0"),
        ("{low: 0.1, high: 1, step: 0.1, log: true}", "'step' excludes 'log'"),
        ("{low: 0.1, high: 1, log: 1}", "'log' must be true or false"),
        ("{choices: []}", "at least one value"),
        ("{choices: [0.1, 0.1]}", "twice"),
        ("{choices: [0.1], low: 1}", "exclude each other"),
    ],
)
def test_space_that_makes_no_sense_is_refused(tmp_path, catalog, space, words):
    """With the place and the reason."""
    (problem,) = problems(
        written(tmp_path, f"recipe: base.yaml\nspace:\n  optimizer.lr: {space}\nmax_trials: 2\n"), catalog
    )
    assert words in problem
    assert ":3:17: " in problem


def test_search_without_an_end_is_refused(tmp_path, catalog):
    """It would train for ever."""
    (problem,) = problems(written(tmp_path, SEARCH.replace("max_trials: 12\n", "")), catalog)
    assert "no end" in problem


def test_mistakes_of_the_recipe_are_reported_too(tmp_path, catalog):
    """In its own file, together with those of the search."""
    found = problems(written(tmp_path, SEARCH + "wrong: 1\n", RECIPE.replace("width", "widht")), catalog)
    assert len(found) == 2
    assert found[0].startswith(f"{tmp_path / 'base.yaml'}:4:")


def test_recipe_may_be_written_in_the_search(tmp_path, catalog):
    """And may extend another one; paths start in the folder of the file."""
    inline = SEARCH.replace("recipe: base.yaml", "recipe: {extends: base.yaml, train: {epochs: 1}}")
    search = SearchFile(written(tmp_path, inline)).resolve(catalog)
    assert (search.recipe.train.epochs, search.recipe.name) == (1, "base")


@pytest.mark.parametrize("recipe", ["", "recipe: [a]\n", "recipe: nowhere.yaml\n", "recipe: 5\n"])
def test_recipe_that_is_none_is_refused(tmp_path, catalog, recipe):
    """A missing recipe, another type and a missing file."""
    with pytest.raises(RecipeError):
        SearchFile(written(tmp_path, SEARCH.replace("recipe: base.yaml\n", recipe)))


def test_component_may_be_a_choice(tmp_path, catalog):
    """Options of a component that is not in the recipe are checked with it."""
    space = "space:\n  optimizer: {choices: [sgd, {name: adamw, lr: 0.01}]}\n"
    search = SearchFile(written(tmp_path, f"recipe: base.yaml\n{space}max_trials: 2\n")).resolve(catalog)
    text = search.space["optimizer"].texts[1]
    assert search.trial_recipe({"optimizer": text}, catalog).optimizer.options["lr"] == 0.01


def test_check_loads_neither_torch_nor_optuna(tmp_path):
    """So a mistake is shown at once, also where Optuna is not installed."""
    code = (
        "import sys; from cvkit.cli import main\ntry: main()\n"
        "finally: print(*(name for name in sys.modules if '.' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "search", written(tmp_path), "--check"], capture_output=True, text=True
    )
    said, modules = done.stdout.splitlines()[-2:]
    assert said.endswith("the search is good"), done.stderr
    assert {"torch", "numpy", "optuna"} & set(modules.split()) == set()
