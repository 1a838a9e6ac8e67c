"""SEARCH.yaml is checked like a recipe: every mistake at once, with its place, without torch and Optuna."""

from __future__ import annotations

import subprocess
import sys

import pytest
from searching import RECIPE, SEARCH, written

from cvkit import RecipeError, discover
from cvkit.searches.reading import SearchFile, source_of
from cvkit.searches.space import Choices, Range


@pytest.fixture(scope="module")
def catalog():
    return discover()


def problems(file, catalog) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        SearchFile(source_of(file)).resolve(catalog)
    return [str(problem) for problem in caught.value.problems]


def test_space_has_the_types_of_the_recipe(tmp_path, catalog):
    """Whole ends of an option that is a number stay numbers, and those of an integer are integers."""
    search = SearchFile(source_of(written(tmp_path, SEARCH + "name: mine\n"))).resolve(catalog)
    assert search.space["optimizer.momentum"] == Range(0, 0.95)
    assert search.space["augmentations.0.padding"] == Choices(("1", "2", "3"))
    assert search.settings.name == "mine"
    text = SEARCH.replace("low: 1e-3, high: 3", "low: 1, high: 3")
    text = text.replace("{choices: [1, 2, 3]}", "{low: 1, high: 3}")
    space = SearchFile(source_of(written(tmp_path, text))).resolve(catalog).space
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
    ("space", "column", "words"),
    [
        ("{low: 0, high: 1, log: true}", 17, "above 0"),
        ("{low: 1}", 17, "'high' in the space of 'optimizer.lr' is missing"),
        ("{low: a, high: 1}", 23, "expected a number, got 'a'"),
        ("{low: true, high: 1}", 23, "expected a number, got true"),
        ("{low: 0, high: .inf}", 32, "numbers must be finite"),
        ("{low: 0.1, high: 1, step: -1}", 43, "expected a positive number, or null, got -1"),
        ("{low: 0.1, high: 1, step: 2}", 17, "at most high - low"),
        ("{low: 0.1, high: 1, step: 0.1, log: true}", 17, "'step' excludes 'log'"),
        ("{low: 0.1, high: 1, log: 1}", 42, "expected true or false, got 1"),
        ("{low: 0.1, high: 1, lg: true}", 37, "Did you mean 'log'?"),
        ("{choices: []}", 27, "expected a list with at least one value, got []"),
        ("{choices: 4}", 27, "expected a list with at least one value, got 4"),
        ("{choices: [0.1, 0.1]}", 17, "twice"),
        ("{choices: [0.1], low: 1}", 34, "exclude each other"),
    ],
)
def test_space_that_makes_no_sense_is_refused(tmp_path, catalog, space, column, words):
    """With the place and the reason."""
    (problem,) = problems(
        written(tmp_path, f"recipe: base.yaml\nspace:\n  optimizer.lr: {space}\nmax_trials: 2\n"), catalog
    )
    assert words in problem
    assert f":3:{column}: " in problem


def test_search_without_an_end_is_refused(tmp_path, catalog):
    """It would train for ever."""
    (problem,) = problems(written(tmp_path, SEARCH.replace("max_trials: 12\n", "")), catalog)
    assert "neither max_trials nor max_minutes" in problem


def test_mistakes_of_the_recipe_are_reported_too(tmp_path, catalog):
    """In its own file, together with those of the search."""
    found = problems(written(tmp_path, SEARCH + "wrong: 1\n", RECIPE.replace("width", "widht")), catalog)
    assert len(found) == 2
    assert found[0].startswith(f"{tmp_path / 'base.yaml'}:4:")


def test_recipe_may_be_written_in_the_search(tmp_path, catalog):
    """And may extend another one; paths start in the folder of the file."""
    inline = SEARCH.replace("recipe: base.yaml", "recipe: {extends: base.yaml, train: {epochs: 1}}")
    search = SearchFile(source_of(written(tmp_path, inline))).resolve(catalog)
    assert (search.recipe.train.epochs, search.recipe.name) == (1, "base")


@pytest.mark.parametrize("recipe", ["", "recipe: [a]\n", "recipe: nowhere.yaml\n", "recipe: 5\n"])
def test_recipe_that_is_none_is_refused(tmp_path, catalog, recipe):
    """A missing recipe, another type and a missing file."""
    with pytest.raises(RecipeError):
        SearchFile(source_of(written(tmp_path, SEARCH.replace("recipe: base.yaml\n", recipe))))


def test_recipe_and_settings_can_be_overridden(tmp_path, catalog):
    """The recipe with `recipe.` in front; the best recipe then cannot extend the file, which has other values."""
    file = written(tmp_path)
    overrides = ("recipe.train.epochs=5", "max_trials=3", "recipe.model={name: custom_resnet, width: 3}")
    search = SearchFile(source_of(file, overrides)).resolve(catalog)
    assert (search.recipe.train.epochs, search.settings.max_trials, search.inline) == (5, 3, True)
    assert not SearchFile(source_of(file, ("max_trials=3",))).resolve(catalog).inline


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recipe.train.epoch=5", "Did you mean 'epochs'?"),
        ("max_trial=3", "Did you mean 'max_trials'?"),
        ("max_trials=no", "expected a positive integer"),
        ("space.optimizer.lr.low=1", "the space of a search cannot be overridden"),
        ("recipe.extends=x.yaml", "`extends` cannot be overridden"),
    ],
)
def test_mistake_in_an_override_has_its_text_as_the_place(tmp_path, catalog, text, words):
    """As the user wrote it, also for values of the recipe."""
    with pytest.raises(RecipeError) as caught:
        SearchFile(source_of(written(tmp_path), (text,))).resolve(catalog)
    (problem,) = map(str, caught.value.problems)
    assert problem.startswith(f"--set {text}: ")
    assert words in problem


def test_most_epochs_are_those_of_the_space(tmp_path, catalog):
    """What a search costs at most is not what the recipe alone costs."""
    space = "space:\n  train.epochs: {low: 2, high: 9}\n"
    search = SearchFile(source_of(written(tmp_path, f"recipe: base.yaml\n{space}max_trials: 2\n"))).resolve(catalog)
    assert search.most_epochs == 9
    space = "space:\n  train: {choices: [{epochs: 3, batch_size: 5}, {epochs: 12, batch_size: 10}]}\n"
    search = SearchFile(source_of(written(tmp_path, f"recipe: base.yaml\n{space}max_trials: 2\n"))).resolve(catalog)
    assert search.most_epochs == 12


def test_component_may_be_a_choice(tmp_path, catalog):
    """Options of a component that is not in the recipe are checked with it."""
    space = "space:\n  optimizer: {choices: [sgd, {name: adamw, lr: 0.01}]}\n"
    search = SearchFile(source_of(written(tmp_path, f"recipe: base.yaml\n{space}max_trials: 2\n"))).resolve(catalog)
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
