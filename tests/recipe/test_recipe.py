"""A checked recipe: its parts, and copies in which one value is another."""

from __future__ import annotations

import pytest
from recipe_problems import BASE, TUNED

from cvkit.errors import RecipeError


def test_part_builds_its_component(check):
    """A part calls its factory with what the run supplies and with every option."""
    (part,) = check(BASE + "augmentations: [{name: crop, padding: 1}]").augmentations
    assert part.build("info") == ("crop", "info", 1, "reflect", (2, 2))


def test_plugins_left_out_are_recorded_once(check):
    """What the command line leaves out stays out when the recipe is read again."""
    recipe = check(BASE + "plugins: {disable: [zebra]}").without_plugins(["toad", "zebra"])
    assert recipe.plugins.disable == ("zebra", "toad")


def test_auto_waits_for_the_tuner_that_sets_it(check):
    """An `auto` that a tuner sets passes the check, is listed, and can be filled."""
    recipe = check(TUNED)
    assert recipe.unresolved() == ("scheduler.max_lr",)
    filled = recipe.with_value("scheduler.max_lr", 0.4)
    assert filled.unresolved() == ()
    assert filled.scheduler.options["max_lr"] == 0.4
    assert recipe.scheduler.options["max_lr"] == "auto"


def test_written_value_stays_whatever_the_tuner_would_set(check):
    """A fixed value in the tuner's place is the user's word; the tuner still runs."""
    recipe = check(TUNED, "scheduler.max_lr=0.4")
    assert recipe.unresolved() == ()
    assert recipe.tuners[0].target == "scheduler.max_lr"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("scheduler.max_lr", 0.4),
        ("augmentations.1.p", 0.25),
        ("train.epochs", 3),
        ("seed", 7),
        ("tuners.0.steps", 50),
    ],
)
def test_one_value_can_be_changed(check, path, value):
    """`with_value` changes one place and nothing else."""
    recipe = check(TUNED + "augmentations: [crop, flip]")
    changed = recipe.with_value(path, value)
    assert changed == check(TUNED + "augmentations: [crop, flip]", f"{path}={value}")
    assert changed != recipe


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("scheduler.max_lr", -1.0, "-1.0"),
        ("scheduler.max_lr", float("nan"), "nan"),
        ("scheduler.max_lr", object, "object"),
        ("scheduler.max", 1.0, "'scheduler.max_lr'"),
        ("augmentations.5.p", 1.0, "'augmentations.5.p'"),
        ("nothing", 1.0, "'nothing'"),
        ("train.epochs", 0, "0"),
    ],
)
def test_changed_value_is_checked(check, path, value, named, wording):
    """A tuner cannot put into a recipe what the recipe could not have said."""
    with pytest.raises(RecipeError) as caught:
        check(TUNED).with_value(path, value)
    assert named in str(caught.value)
    assert str(caught.value) == wording


def test_parts_are_listed_with_their_paths(check):
    """Every part is named by where it stands in the recipe."""
    recipe = check(TUNED + "augmentations: [crop, flip]\nexplainers: [cam]")
    assert {path: part.entry.id for path, part in recipe.parts()} == {
        "dataset": "toy/shapes",
        "sampler": "torch/shuffle",
        "augmentations.0": "toy/crop",
        "augmentations.1": "toy/flip",
        "model": "toy/net",
        "loss": "torch/cross_entropy",
        "optimizer": "torch/sgd",
        "scheduler": "toy/one_cycle",
        "tuners.0": "toy/range_test",
        "explainers.0": "toy/cam",
    }
