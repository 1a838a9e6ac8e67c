"""The checks of a recipe, and their messages."""

from __future__ import annotations

import pytest
from recipe_problems import BASE, place, written

from cvkit.errors import RecipeError
from cvkit.recipe import TrainSettings, read_text, resolve


def test_defaults_are_filled_in(check):
    """What a recipe leaves out is there afterwards: parts, options and settings."""
    recipe = check(BASE)
    assert (recipe.name, recipe.seed, recipe.shorter) == ("x", 0, None)
    assert recipe.loss.entry.id == "torch/cross_entropy"
    assert recipe.scheduler.entry.id == "torch/constant"
    assert recipe.model.options == {"width": 64, "dropout": 0, "head": None, "jitter": 0.0}
    assert recipe.train == TrainSettings()
    assert recipe.augmentations == recipe.tuners == recipe.explainers == ()


def test_values_are_those_the_factory_declares(check):
    """Lists become tuples where tuples are declared, and whole numbers pass as floats."""
    recipe = check(BASE + "augmentations: [{name: crop, window: [1, 3]}]", "optimizer.lr=1", "train.ema=0.5")
    assert recipe.augmentations[0].options["window"] == (1, 3)
    assert type(recipe.optimizer.options["lr"]) is float
    assert recipe.train.ema == 0.5


def test_unknown_option_is_shown_as_designed(refused, wording):
    """Place, source line, caret, accepted names and the nearest one."""
    text = BASE + "augmentations:\n  - name: crop\n    paddding: 4\n"
    (problem,) = refused(text)
    assert place(problem) == ("recipes/x.yaml", 6, 5)
    assert problem.source == "    paddding: 4"
    assert "'paddding'" in problem.message
    assert all(name in problem.hint for name in ("padding", "mode", "window"))
    assert str(problem) == wording


def test_every_mistake_is_reported_in_the_order_of_the_lines(refused, wording):
    """One pass finds what ten runs would have found one by one."""
    text = """datset: shapes
seed: -1
model: {name: toy/net, width: big, wdith: 3}
optimizer: adamm
augmentations: [crop, cropp]
train: {epochs: 0, epoch: 3, precision: fp8}
evaluation: 3
tuners: {}
"""
    problems = refused(text)
    assert [(problem.line, problem.column) for problem in problems] == [
        (0, 0),
        (1, 1),
        (2, 7),
        (3, 31),
        (3, 36),
        (4, 12),
        (5, 23),
        (6, 17),
        (6, 20),
        (6, 41),
        (7, 13),
        (8, 9),
    ]
    assert {problem.file for problem in problems} == {"recipes/x.yaml"}
    assert "'dataset'" in problems[0].message
    assert written(problems) == wording


@pytest.mark.parametrize(
    ("override", "got"),
    [
        ("model.width=big", "'big'"),
        ("model.width=0", "0"),
        ("model.width=1.5", "1.5"),
        ("model.width=true", "true"),
        ("model.head=3", "3"),
        ("optimizer.betas=[1]", "[1]"),
        ("optimizer.tags=a", "'a'"),
        ("optimizer.lr=null", "null"),
        ("train.precision=fp8", "'fp8'"),
        ("train.ema=1", "1"),
        ("train.resident=1", "1"),
        ("train.compile=yes", "'yes'"),
        ("name=a/b", "'a/b'"),
        ("name=..", "'..'"),
        ("seed=1.0", "1.0"),
    ],
)
def test_wrong_value_says_what_was_expected(refused, override, got, wording):
    """Messages name types in words, and show values as a recipe writes them."""
    (problem,) = refused(BASE, override)
    assert place(problem) == (f"--set {override}", 0, 0)
    assert got in problem.message
    assert str(problem) == wording


def test_mistake_in_an_extended_recipe_points_into_that_file(catalog, tmp_path):
    """The place is where the text stands, not the recipe that was asked for."""
    (tmp_path / "base.yaml").write_text(BASE + "train: {epoch: 3}\n")
    document = read_text("extends: base.yaml\nseed: 1", file=str(tmp_path / "child.yaml"))
    with pytest.raises(RecipeError) as caught:
        resolve(document, catalog)
    (problem,) = caught.value.problems
    assert place(problem) == (str(tmp_path / "base.yaml"), 4, 9)
    assert "'epoch'" in problem.message
